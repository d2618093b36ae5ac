"""The keys by which names, addresses, telephones and numbers are found.

Originals are stored as received, since normalising destroys kanji that people write on purpose
(福 U+FA1B, for one); a key is a second column that is compared, never shown. A key is made from
what is stored and from what is typed, so both sides must come through the same function here.

Every function is pure, takes any text (lone surrogates too), never raises, and gives the same
again when applied to its own result.
"""

import re
from functools import lru_cache
from unicodedata import is_normalized, normalize

# One group a word: the usual character, then the variants that are read as the same.
VARIANT_KANJI = """
高髙 崎﨑嵜碕 辺邉邊 斎齋齊斉 徳德 槙槇 沢澤 浜濵濱 吉𠮷 島嶋嶌 広廣 国國圀 富冨 真眞 桑桒
柳栁桺 橋槗𣘺 土圡 野埜 淵渕渊 館舘 船舩 峰峯 秋穐 梅楳 松枩 桝枡 薗園 曽曾 遥遙 瑶瑤 恵惠 彦彥
頼賴 鴎鷗 鴬鶯 莱萊 芦蘆 桧檜 祢禰 禄祿 穂穗 蔵藏 豊豐 竜龍 亀龜 鶴靍靏鸖 沖冲 宮宫 郎郞 昇曻
昂昻 栃杤 柏栢 氷冰 留畄畱 耕畊 蓋盖 略畧 達逹 村邨 磯礒 讃讚 穎頴 駆驅駈 雁鴈鳫 鼠鼡
剣劍劔剱劒釼 爾尓 多夛 壷壺 卯夘 宝寶寳 喜㐂 熙凞熈 晃晄 浩澔 聡聰 静靜 青靑 清淸 皐皋臯 弥彌
祐佑 礼禮 凉涼 渋澁澀 滝瀧 桜櫻 条條 栄榮 営營 円圓 塩鹽 縁緣 艶艷 応應 欧歐 奥奧 横橫 温溫 穏穩
仮假 価價 画畫 会會 絵繪 壊壞 懐懷 拡擴 殻殼 覚覺 学學斈 岳嶽 楽樂 勧勸 巻卷 寛寬 歓歡 缶罐 観觀
関關 陥陷 巌巖 顔顏 気氣 帰歸 偽僞 戯戲 犠犧 旧舊 拠據 挙擧 峡峽 挟挾 教敎 強强 郷鄕 尭堯 暁曉
区區 勲勳 薫薰 群羣 径徑 渓溪 経經 継繼 茎莖 蛍螢 軽輕 鶏鷄 芸藝 撃擊 県縣 倹儉 圏圈 検檢 献獻
研硏 険險 顕顯 験驗 厳嚴 戸戶 呉吳 娯娛 効效 恒恆 鉱鑛 号號 黒黑 歳歲 済濟 砕碎 剤劑 桟棧 蚕蠶
惨慘 賛贊 残殘 糸絲 歯齒 児兒 辞辭 湿濕 実實 舎舍 写寫 釈釋 寿壽 収收 従從 獣獸 縦縱 粛肅 処處
叙敍 奨奬獎 将將 渉涉 焼燒 称稱 証證 乗乘 剰剩 壌壤 嬢孃 浄淨 状狀 畳疊 穣穰 譲讓 醸釀 嘱囑 触觸
寝寢 慎愼 晋晉 尽盡 図圖 粋粹 酔醉 随隨 髄髓 数數 枢樞 瀬瀨 税稅 説說 摂攝 窃竊 専專 戦戰 浅淺
潜潛 繊纖 践踐 銭錢 禅禪 双雙 壮壯 捜搜 挿插 争爭 総總 荘莊 装裝 騒騷 増增 臓臟 即卽 属屬 続續
堕墮 体體 対對 帯帶 滞滯 台臺 択擇 単單 担擔 胆膽 団團 弾彈 断斷 痴癡 遅遲 昼晝 虫蟲 鋳鑄 庁廳
聴聽 勅敕 鎮鎭 逓遞 鉄鐵鐡 転轉 点點 伝傳 党黨 灯燈 当當 盗盜 稲稻 闘鬪鬭 独獨 読讀 届屆 弐貳
壱壹 悩惱 脳腦 覇霸 廃廢 拝拜 売賣 麦麥 発發 髪髮 抜拔 瓶甁 仏佛 払拂 併倂 並竝 変變 弁辨瓣辯
歩步 褒襃 翻飜 毎每 万萬 満滿 黙默 訳譯 薬藥 与與 予豫 余餘 誉譽 揺搖 様樣 謡謠 来來 乱亂 覧覽
緑綠 涙淚 塁壘 励勵 隷隸 霊靈 齢齡 暦曆 歴歷 恋戀 錬鍊 炉爐 労勞 楼樓 録錄 湾灣 亘亙 凛凜 篭籠
亜亞 悪惡 圧壓 囲圍 為爲 医醫 隠隱 衛衞 駅驛 場塲 両兩 兎兔 俱倶 函凾 刃刄 厨廚 厩廐廏 呑吞 唖啞
嘘噓 屏屛 往徃 徴徵 悦悅 戻戾 掲揭 掴摑 撹攪 晩晚 没沒 灌潅 焔焰 狭狹 産產 痩瘦 秘祕 祷禱 窓窗
絶絕 繋繫 欠缺 荊荆 萌萠 虎乕 虚虛 蝿蠅 諌諫 賢贒 銳鋭 閲閱 韮韭 飲飮 餅餠 鯵鰺 鎌鐮 岡罡 姉姊
長⻑ 西⻄ 民⺠ 鬼⻤ 黄黃⻩ 簞箪 填塡 剥剝 頬頰 麺麵 麹麴 醤醬 蒋蔣 濤涛 迩邇 賎賤 檐簷 梼檮 砺礪
蛎蠣 鈎鉤 鋪舖 槍鎗 間閒 隣鄰 雑雜襍 角⻆ 縄繩 躯軀 蝋蠟 溌潑 涜瀆 莵菟 蕊蘂蕋 薮藪 鰯鰮 鹸鹼
"""

DASHES = "-‐‑‒–—―⁃−ー─━"
_DOTS = "・·•‧∙⋅゠"
_BLANKS = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u00ad\u180e\ufeff"
    + "".join(map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))))
)
_VARIATION_SELECTORS = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))

_SMALL_KANA = dict(
    zip(
        "ァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ",
        "アイウエオツヤユヨワカケクシストヌハヒフヘホムラリルレロ",
        strict=True,
    )
)
_OLD_KANA = {"ヰ": "イ", "ヱ": "エ"}
_HIRAGANA = {chr(code): chr(code + 0x60) for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}

_KANJI = "[\u3400-\u9fff々〇\U00020000-\U0003ffff]"
_GA_BETWEEN_KANJI = re.compile(f"(?<={_KANJI})ガ(?={_KANJI})")
_KANJI_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")}
_NUMERALS = "〇一二三四五六七八九十百"

_DESIGNATORS = (
    r"(?:株式会社|有限会社|合同会社|合資会社|合名会社|相互会社|特定目的会社|有限責任事業組合"
    r"|医療法人(?:社団|財団)?|社会医療法人|社会福祉法人|学校法人|宗教法人|農事組合法人"
    r"|(?:一般|公益)?(?:社団|財団)法人|特定非営利活動法人|NPO法人|(?:地方)?独立行政法人|国立大学法人"
    r"|\((?:株|有|同|合|資|名|相|医|福|学|宗|社|財|一社|一財|公社|公財|特非|独|地独|農)\))+"
)
_DESIGNATORS_AT_AN_END = re.compile(f"^{_DESIGNATORS}|{_DESIGNATORS}$")
_COUNTRY_CODE = re.compile(r"[^0-9+]*\+[^0-9]*81")
_NO_DIGIT = re.compile(r"[^0-9]+")


def name_key(text: str) -> str:
    """Return the key of a holder's name: 髙橋　㈱ and 高橋株式会社 give the same.

    NFKC, variant kanji, capitals; without blanks, middle dots and corporate designators at either
    end. A name that is nothing but designators keeps them.
    """
    key = text.translate(_NAME)
    if not is_normalized("NFKC", key):
        key = _composed(key, _NAME)
    if "社" in key or ")" in key or "人" in key or "組" in key:
        return _DESIGNATORS_AT_AN_END.sub("", key) or key
    return key


def kana_key(text: str) -> str:
    """Return the key of a reading: hiragana, small kana, ヰヱ and dashes alike, without blanks."""
    key = text.translate(_KANA)
    return key if is_normalized("NFKC", key) else _composed(key, _KANA)


def address_key(text: str) -> str:
    """Return the key of an address: 二丁目 = 2丁目, 霞ヶ関 = 霞が関, dashes and variant kanji.

    ガ counts as ケ only between two kanji, so that サガ in a building's name stays.
    """
    key = text.translate(_ADDRESS)
    if not is_normalized("NFKC", key):
        key = _composed(key, _ADDRESS)
    if "ガ" in key:
        key = _GA_BETWEEN_KANJI.sub("ケ", key)
    if "丁目" in key:
        *blocks, rest = key.split("丁目")
        key = "丁目".join([*map(_number_the_block, blocks), rest])
    return key


def phone_key(text: str) -> str:
    """Return the digits of a telephone number, +81 22 … as 022…; no length is checked."""
    if text.isascii():
        plain = text.replace("-", "")
        if not plain or plain.isdigit():
            return plain
    folded = normalize("NFKC", text)
    if country := _COUNTRY_CODE.match(folded):
        return "0" + _NO_DIGIT.sub("", folded[country.end() :]).lstrip("0")
    return _NO_DIGIT.sub("", folded)


def number_key(text: str) -> str:
    """Return the digits of a 供給地点特定番号 typed with hyphens, blanks or full-width digits."""
    if text.isascii() and text.isdigit():
        return text
    return _NO_DIGIT.sub("", normalize("NFKC", text))


def _composed(key: str, table: dict[int, int | str | None]) -> str:
    """Return the key of a text that the table alone cannot bring to NFKC: half-width ｶﾞ, for one."""
    while not is_normalized("NFKC", key):
        key = normalize("NFKC", key).translate(table)
    return key


def _number_the_block(text: str) -> str:
    """Return the text before 丁目 with the kanji numerals at its end in figures."""
    name = text.rstrip(_NUMERALS)
    return text if name == text else name + _arabic(text[len(name) :])


@lru_cache(maxsize=1024)
def _arabic(numerals: str) -> str:
    """Return figures for kanji numerals: 二十三 and 二三 are both 23."""
    if not ("十" in numerals or "百" in numerals):
        return "".join(str(_KANJI_DIGITS[numeral]) for numeral in numerals)
    total, digit = 0, 0
    for numeral in numerals:
        if numeral in _KANJI_DIGITS:
            digit = _KANJI_DIGITS[numeral]
        else:
            total += (digit or 1) * (10 if numeral == "十" else 100)
            digit = 0
    return str(total + digit)


def _variants() -> dict[str, str]:
    return {variant: group[0] for group in VARIANT_KANJI.split() for variant in group[1:]}


def _dropped(*groups: str) -> dict[str, str]:
    return dict.fromkeys("".join(groups), "")


def _table(*steps: dict[str, str]) -> dict[int, int | str | None]:
    """Return one str.translate table: NFKC and capitals of each character, then `steps`.

    Doing all of it in one pass is what keeps a key at one or two microseconds; the few texts that
    need composition (half-width ｶﾞ) are caught afterwards by a quick check. Everyday characters
    stand for themselves, since str.translate pays more for a miss than for a hit.
    """
    folds: dict[str, str] = {}
    for step in steps:
        folds = {source: step.get(target, target) for source, target in folds.items()} | step
    texts = {
        chr(code): "".join(folds.get(character, character) for character in folded)
        for code, folded in _COMPATIBLE.items()
    } | folds
    table: dict[int, int | str | None] = {code: code for code in _EVERYDAY}
    for source, target in texts.items():
        table[ord(source)] = ord(target) if len(target) == 1 else target or None
    return table


def _compatible() -> dict[int, str]:
    """Return NFKC and capitals of each character that they change, to U+FFFF and from 2F800."""
    pairs = (
        (code, normalize("NFKC", normalize("NFKC", chr(code)).upper()))
        for code in (
            *range(0x61, 0x3400),
            *range(0xA000, 0xAC00),
            *range(0xF900, 0x10000),
            *range(0x2F800, 0x2FA20),
        )
    )
    return {code: folded for code, folded in pairs if folded != chr(code)}


_COMPATIBLE = _compatible()
_EVERYDAY = (*range(0x20, 0x7F), *range(0x3041, 0x3100), *range(0x4E00, 0xA000))
_LONG = dict.fromkeys(DASHES, "ー")
_HYPHEN = dict.fromkeys(DASHES, "-")
_WAVE = {"〜": "~"}
_UNSEEN = _dropped(_BLANKS, _VARIATION_SELECTORS)

_NAME = _table(_variants(), _LONG, _WAVE, _UNSEEN, _dropped(_DOTS))
_KANA = _table(_HIRAGANA, _SMALL_KANA, _OLD_KANA, _LONG, _WAVE, _UNSEEN, _dropped(_DOTS))
_ADDRESS = _table(
    _variants(),
    _HIRAGANA,
    _SMALL_KANA | {"ヵ": "ケ", "之": "ノ", "乃": "ノ"},
    _HYPHEN,
    _WAVE,
    _UNSEEN,
)
