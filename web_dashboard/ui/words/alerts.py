"""Words of the page of alerts."""

WORDS: dict[str, tuple[str, str]] = {
    "alerts.open": ("Open", "未处理"),
    "alerts.all": ("All", "全部"),
    "alerts.show": ("Show", "显示"),
    "alerts.session": ("Session", "会话"),
    "alerts.acknowledge": ("Acknowledge", "标记已处理"),
    "alerts.acknowledged": ("Seen by {name}", "{name} 已处理"),
    "alerts.go": ("See the moment", "查看该时刻"),
    "alerts.empty": ("No alerts", "没有提醒"),
    "alerts.empty.hint": (
        "Ask the bot to tell you when something happens (“warn me if…”), or let a profile raise all it says.",
        "让机器人在某事发生时通知你（“如果……就提醒我”），或在配置中将所有发言设为提醒。",
    ),
    "alerts.severity.info": ("Note", "通知"),
    "alerts.severity.warning": ("Warning", "警告"),
    "alerts.severity.critical": ("Critical", "严重"),
    "alerts.kind.instruction": ("Asked for", "按指令"),
    "alerts.kind.spoken": ("Spoken", "发言"),
    "alerts.kind.session.failed": ("Session failed", "会话失败"),
    "alerts.kind.session.lost": ("Session lost", "会话失联"),
}
