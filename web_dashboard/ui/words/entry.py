"""Words of the sign-in and of the first set-up."""

WORDS: dict[str, tuple[str, str]] = {
    "entry.sign_in": ("Sign in", "登录"),
    "entry.sign_in.lead": ("The control room of your AI participant.", "AI 参与者的控制台。"),
    "entry.name": ("Name", "用户名"),
    "entry.password": ("Password", "密码"),
    "entry.again": ("Password again", "再次输入密码"),
    "entry.oidc": ("Sign in with {name}", "使用 {name} 登录"),
    "entry.or": ("or", "或"),
    "entry.set_up": ("Set up JoyVL", "设置 JoyVL"),
    "entry.set_up.lead": (
        "Make the first administrator. This link works once; more people can be added afterwards.",
        "创建第一位管理员。此链接仅能使用一次，之后可以添加更多用户。",
    ),
    "entry.set_up.button": ("Create and sign in", "创建并登录"),
    "entry.set_up.done": (
        "JoyVL is set up already. Please sign in.",
        "JoyVL 已完成设置，请登录。",
    ),
    "entry.rule": ("At least 10 characters; not your name.", "至少 10 个字符，且不能与用户名相同。"),
    "entry.differ": ("The two passwords differ.", "两次输入的密码不一致。"),
    "entry.offline": ("The server can't be reached. Try again.", "无法连接服务器，请重试。"),
    "entry.wait": ("Too many tries. Try again in {seconds} s.", "尝试次数过多，请在 {seconds} 秒后重试。"),
    "entry.language": ("中文", "English"),
    "entry.no_token": (
        "Open the set-up link that `joyvl serve` printed: it holds the one-time token.",
        "请打开 `joyvl serve` 打印的设置链接，其中包含一次性令牌。",
    ),
}
