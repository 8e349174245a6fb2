"""Hard negatives: varied sentences in scripts without spaces, or from right to left."""

from __future__ import annotations

import random
from typing import NamedTuple

from .base import Draft, Generator, budget


class Language(NamedTuple):
    """A sentence pattern and the words for its places, in order."""

    prompt: str
    pattern: str
    slots: tuple[str, ...]


CHINESE = Language(
    "请写一篇长文。",
    "{0}{1}在{2}{3}{4}{5}",
    (
        "昨天|今天早上|去年冬天|三年以前|下雨的时候|天亮之前|有一次|后来|春节过后|午饭以后",
        "小王|李老师|我的邻居|那位医生|一个渔夫|陈先生|孩子们|她的姐姐|老木匠|邮递员",
        "河边|车站|图书馆|山脚下|旧市场|厨房|学校门口|桥上|花园里|海港",
        "找到了|修好了|买了|看见|忘记了|画了|借走了|打开了|卖掉了|记下了",
        "一把钥匙|两本旧书|那封信|一只白猫|一篮苹果|一张地图|一盏灯|三条鱼|一架钢琴|许多石头",
        "。|,觉得很奇怪。|,然后回家了。|,可是没有人相信。|,大家都笑了。|!|,花了很长时间。",
    ),
)
JAPANESE = Language(
    "長い話を書いてください。",
    "{0}、{1}は{2}で{3}を{4}{5}",
    (
        "昨日|今朝|去年の冬|雨の日|三年前|夕方|ある日|祭りの後|夜明け前|昼休み",
        "田中さん|先生|隣の人|漁師|医者|子供たち|姉|大工|郵便屋|祖父",
        "駅|川岸|図書館|市場|台所|橋の上|庭|港|山の麓|学校",
        "鍵|古い本|手紙|白い猫|りんご|地図|ランプ|魚|ピアノ|石",
        "見つけた|直した|買った|忘れた|描いた|借りた|開けた|売った|数えた|運んだ",
        "。|が、誰も信じなかった。|そうだ。|ので、家に帰った。|と言った。|らしい。",
    ),
)
THAI = Language(
    "เขียนเรื่องยาวให้หน่อย",
    "{0}{1}{3}{4}ที่{2}{5}",
    (
        "เมื่อวาน|เช้านี้|ปีที่แล้ว|ตอนฝนตก|ก่อนรุ่งสาง|วันหนึ่ง|หลังอาหาร|ตอนเย็น",
        "คุณครู|เพื่อนบ้าน|ชาวประมง|คุณหมอ|เด็กๆ|พี่สาว|ช่างไม้|คุณยาย",
        "ริมแม่น้ำ|สถานีรถไฟ|ห้องสมุด|ตลาด|ห้องครัว|บนสะพาน|ในสวน|ท่าเรือ",
        "พบ|ซ่อม|ซื้อ|ลืม|วาด|ยืม|เปิด|ขาย",
        "กุญแจ|หนังสือเก่า|จดหมาย|แมวขาว|แอปเปิล|แผนที่|ตะเกียง|ปลาสามตัว",
        " |แล้วกลับบ้าน |แต่ไม่มีใครเชื่อ |และทุกคนหัวเราะ |อย่างช้าๆ ",
    ),
)
ARABIC = Language(
    "اكتب قصة طويلة.",
    "{0} {3} {1} {4} في {2}{5} ",
    (
        "أمس|هذا الصباح|في الشتاء|قبل ثلاث سنوات|ذات يوم|عند الفجر|بعد الغداء|في المساء",
        "المعلم|جاري|الصياد|الطبيب|النجار|ساعي البريد|جدي|التاجر",
        "المحطة|المكتبة|السوق|المطبخ|الحديقة|الميناء|المدرسة|القرية",
        "وجد|أصلح|اشترى|نسي|رسم|استعار|فتح|باع",
        "مفتاحا|كتابا قديما|رسالة|قطة بيضاء|سلة تفاح|خريطة|مصباحا|ثلاث سمكات",
        ".|، ثم عاد إلى البيت.|، ولم يصدقه أحد.|، وضحك الجميع.|!",
    ),
)
HEBREW = Language(
    "כתוב סיפור ארוך.",
    "{0} {1} {3} {4} ליד {2}{5} ",
    (
        "אתמול|הבוקר|בחורף|לפני שלוש שנים|יום אחד|עם שחר|אחרי הצהריים|בערב",
        "המורה|השכן|הדייג|הרופא|הנגר|הדוור|סבא|הסוחר",
        "התחנה|הספרייה|השוק|המטבח|הגינה|הנמל|בית הספר|הגשר",
        "מצא|תיקן|קנה|שכח|צייר|שאל|פתח|מכר",
        "מפתח|ספר ישן|מכתב|חתול לבן|סל תפוחים|מפה|מנורה|שלושה דגים",
        ".|, ואז חזר הביתה.|, אבל איש לא האמין.|, וכולם צחקו.|!",
    ),
)
RUSSIAN = Language(
    "Напиши длинный рассказ.",
    "{0} {1} {3} {4} {2}{5} ",
    (
        "Вчера|Утром|Прошлой зимой|Три года назад|Однажды|До рассвета|После обеда|Вечером",
        "учитель|сосед|рыбак|врач|плотник|почтальон|дедушка|купец",
        "у реки|на вокзале|в библиотеке|на рынке|на кухне|на мосту|в саду|в порту",
        "нашёл|починил|купил|забыл|нарисовал|одолжил|открыл|продал",
        "ключ|старую книгу|письмо|белую кошку|корзину яблок|карту|лампу|трёх рыб",
        ".|, а потом ушёл домой.|, но никто не поверил.|, и все смеялись.|!",
    ),
)
KOREAN = Language(
    "긴 이야기를 써 주세요.",
    "{0} {1} {2}에서 {4} {3}{5} ",
    (
        "어제|오늘 아침|작년 겨울에|삼 년 전에|어느 날|새벽에|점심 후에|저녁에",
        "선생님은|이웃은|어부는|의사는|아이들은|언니는|목수는|할아버지는",
        "역|강가|도서관|시장|부엌|다리 위|정원|항구",
        "찾았다|고쳤다|샀다|잊었다|그렸다|빌렸다|열었다|팔았다",
        "열쇠를|낡은 책을|편지를|흰 고양이를|사과를|지도를|등불을|물고기를",
        ".|. 그리고 집에 갔다.|. 아무도 믿지 않았다.|. 모두 웃었다.|!",
    ),
)


def _story(rng: random.Random, language: Language, tokens: int) -> Draft:
    seen: set[tuple[str, ...]] = set()
    text: list[str] = []
    while len(text) < 160:
        words = tuple(rng.choice(slot.split("|")) for slot in language.slots)
        if words[:5] not in seen:
            seen.add(words[:5])
            text.append(language.pattern.format(*words) + ("\n" if len(text) % 9 == 8 else ""))
    return Draft(language.prompt, "".join(text), tokens)


def without_spaces(rng: random.Random, index: int) -> Draft:
    """Chinese, Japanese, or Thai."""
    return _story(rng, (CHINESE, JAPANESE, THAI)[index // 3 % 3], budget(rng, 250, 600))


def right_to_left(rng: random.Random, index: int) -> Draft:
    """Arabic or Hebrew."""
    return _story(rng, (ARABIC, HEBREW)[index // 3 % 2], budget(rng, 250, 600))


def other_scripts(rng: random.Random, index: int) -> Draft:
    """Russian or Korean."""
    return _story(rng, (RUSSIAN, KOREAN)[index // 2 % 2], budget(rng, 250, 600))


def parallel_text(rng: random.Random, index: int) -> Draft:
    """Short sentences in several languages beside each other."""
    rows = (
        ("the house", "das Haus", "la maison", "la casa", "家"),
        ("the bread", "das Brot", "le pain", "el pan", "パン"),
        ("the water", "das Wasser", "l'eau", "el agua", "水"),
        ("the book", "das Buch", "le livre", "el libro", "本"),
        ("the night", "die Nacht", "la nuit", "la noche", "夜"),
        ("the sea", "das Meer", "la mer", "el mar", "海"),
        ("the stone", "der Stein", "la pierre", "la piedra", "石"),
        ("the fire", "das Feuer", "le feu", "el fuego", "火"),
        ("the tree", "der Baum", "l'arbre", "el árbol", "木"),
        ("the fish", "der Fisch", "le poisson", "el pez", "魚"),
        ("the city", "die Stadt", "la ville", "la ciudad", "町"),
        ("the road", "die Straße", "la route", "el camino", "道"),
        ("the hand", "die Hand", "la main", "la mano", "手"),
        ("the year", "das Jahr", "l'année", "el año", "年"),
        ("the snow", "der Schnee", "la neige", "la nieve", "雪"),
        ("the door", "die Tür", "la porte", "la puerta", "戸"),
        ("the king", "der König", "le roi", "el rey", "王"),
        ("the song", "das Lied", "la chanson", "la canción", "歌"),
    )  # fmt: skip
    form = ("{0} = {1} = {2} = {3} = {4}\n", "- **{0}**: {1} / {2} / {3} / {4}\n")[index % 2]
    text = "".join(form.format(*row) for row in rng.sample(rows, len(rows)))
    return Draft("Translate the words.", text[:-12])


GENERATORS: dict[str, tuple[Generator, int]] = {
    "without_spaces": (without_spaces, 9),
    "right_to_left": (right_to_left, 6),
    "other_scripts": (other_scripts, 4),
    "parallel_text": (parallel_text, 2),
}
