"""Words of the audit log's page."""

WORDS: dict[str, tuple[str, str]] = {
    "audit.lead": ("Who changed what, when and from where.", "谁在何时、从何处更改了什么。"),
    "audit.action": ("Action begins with", "操作开头为"),
    "audit.who": ("Person", "用户"),
    "audit.target": ("Target", "对象"),
    "audit.when": ("When", "时间"),
    "audit.what": ("What", "操作"),
    "audit.detail": ("Detail", "详情"),
    "audit.address": ("From", "来源"),
    "audit.filter": ("Filter", "筛选"),
    "audit.empty": ("Nothing here", "没有记录"),
}
