"""Words of the system's page."""

WORDS: dict[str, tuple[str, str]] = {
    "system.lead": (
        "What works here and what is missing, each with its remedy. Version {version}.",
        "哪些可用、哪些缺失以及补救办法。版本 {version}。",
    ),
    "system.needed": ("To be mended", "需要处理"),
    "system.findings": ("Parts", "组件"),
    "system.workers": ("Where sessions run", "会话运行位置"),
    "system.verdict.ok": ("Works", "正常"),
    "system.verdict.partly": ("In part", "部分可用"),
    "system.verdict.missing": ("Missing", "缺失"),
    "system.required": ("needed", "必需"),
    "system.worker.ready": ("Ready", "就绪"),
    "system.worker.full": ("Full", "已满"),
    "system.worker.draining": ("Draining", "正在清空"),
    "system.worker.lost": ("Silent", "失联"),
    "system.worker.slots": ("{taken} of {slots} slots taken", "已占用 {taken}/{slots}"),
    "system.worker.sessions": ("{n} sessions", "{n} 个会话"),
    "system.worker.machine": ("This machine", "本机"),
    "system.workers.none": ("No worker is connected", "没有已连接的工作节点"),
    "system.workers.none.hint": (
        "Start one: joyvl worker start. Until then sessions are queued.",
        "运行 joyvl worker start 启动一个；在此之前会话将排队。",
    ),
    "system.drain": ("Drain", "清空"),
    "system.drain.ask": ("Drain “{name}”?", "清空“{name}”？"),
    "system.drain.detail": (
        "Its sessions move elsewhere one by one, with a word in the room first. Then it ends.",
        "其会话会逐个迁移，并先在房间内告知，随后该节点结束。",
    ),
    "system.draining": ("It is being drained", "正在清空"),
}
