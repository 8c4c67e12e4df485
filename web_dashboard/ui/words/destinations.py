"""Words of the page of saved places."""

WORDS: dict[str, tuple[str, str]] = {
    "destinations.lead": (
        "Places the bot goes to again and again. A room whose name fits a pattern invites it by itself.",
        "机器人常去的地方。名称符合模式的房间会自动邀请它。",
    ),
    "destinations.add": ("Add a place", "添加去处"),
    "destinations.edit": ("Change “{name}”", "修改“{name}”"),
    "destinations.kind": ("Kind of place", "类型"),
    "destinations.kind.livekit": ("Room", "房间"),
    "destinations.kind.stream": ("Stream", "直播"),
    "destinations.room": ("Name of the room", "房间名称"),
    "destinations.pattern": ("Invited by rooms named", "自动邀请的房间名模式"),
    "destinations.pattern.hint": (
        "Such as standup-*. LiveKit's webhook tells when such a room starts.",
        "例如 standup-*。由 LiveKit 的 webhook 通知房间开始。",
    ),
    "destinations.credential": ("LiveKit server", "LiveKit 服务器"),
    "destinations.own_server": ("The installation's own", "安装默认服务器"),
    "destinations.invited_by": ("Invited by {pattern}", "{pattern} 自动邀请"),
    "destinations.empty": ("No places yet", "还没有去处"),
    "destinations.empty.hint": ("Save a room or a camera that you use often.", "保存常用的房间或摄像头。"),
    "destinations.delete.ask": ("Delete “{name}”?", "删除“{name}”？"),
    "destinations.delete.detail": ("Sessions that run there go on.", "在那里运行的会话不受影响。"),
    "destinations.start": ("Send the bot there", "派往此处"),
}
