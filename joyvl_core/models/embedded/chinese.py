"""Chinese nouns: their measure words."""

from __future__ import annotations

import re

from joyvl_core.models.embedded.wishes import Category

_MEASURES = (
    ("位", re.compile(r"(?:客人|顾客|老师|医生|嘉宾|来宾|贵宾|先生|女士|师傅|乘客)$")),
    ("个", re.compile(r"(?:人|员|孩子?|朋友)$")),
    ("架", re.compile(r"(?:飞机|直升机|无人机|客机)$")),
    ("艘", re.compile(r"(?:船|艇)$")),
    ("辆", re.compile(r"(?:车|汽车|公交|巴士|摩托|的士|皮卡|吉普|坦克)$")),
    ("匹", re.compile(r"马$")),
    ("头", re.compile(r"[牛猪驴]$|大象$")),
    ("条", re.compile(r"[鱼蛇]$|鲸鱼$|毛巾$|裤子$|项链$")),
    ("把", re.compile(r"(?:椅子?|伞|钥匙|刀|勺子|叉子|锤子|扫帚)$")),
    ("本", re.compile(r"(?:书|杂志|护照)$")),
    ("张", re.compile(r"(?:桌子|床|纸|沙发|照片)$")),
    ("封", re.compile(r"(?:信|邮件)$")),
    ("件", re.compile(r"(?:衣服|衬衫|包裹|行李)$")),
    ("双", re.compile(r"(?:鞋|鞋子|靴子|袜子)$")),
    ("支", re.compile(r"笔$")),
    ("盏", re.compile(r"灯$")),
    ("扇", re.compile(r"[门窗]$")),
    ("台", re.compile(r"(?:电脑|相机|显示器)$")),
)
_BY_SORT = {Category.VEHICLE: "辆", Category.ANIMAL: "只"}


def measure(noun: str, category: Category) -> str:
    """The word that stands between a number and the noun: 辆, 只, 个."""
    return next((word for word, nouns in _MEASURES if nouns.search(noun)), None) or _BY_SORT.get(category, "个")
