"""What a run goes by: its time limits and the places where it stops and asks a person. Pure but for the settings."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.conf import settings

from terminals.choices import Kind, Severity

DUE: dict[str, timedelta] = {
    Severity.CRITICAL: timedelta(days=1),
    Severity.MAJOR: timedelta(days=7),
    Severity.MINOR: timedelta(days=30),
}
STEPS = ("台帳を確かめる", "突き合わせる", "反映する")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of a run (settings.RECONCILIATION)."""

    ledger_age: timedelta
    unseen: timedelta
    audit: timedelta
    observed: timedelta
    mass_least: int
    mass_share: float

    @property
    def version(self) -> str:
        """Return a short name that changes with the kinds and the limits."""
        said = repr((sorted(Kind.values), sorted((name, str(value)) for name, value in asdict(self).items())))
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def is_mass_change(self, changed: int, population: int) -> bool:
        """Return whether so many changes at once are more likely a broken source than the truth."""
        return changed > max(self.mass_least, population * self.mass_share)


def rules() -> Rules:
    """Return the rules in force."""
    return Rules(**settings.RECONCILIATION)


WHY: dict[str, str] = {
    Kind.NW_AT_RETAIL: "配備先は小売、オンラインの登録はNW用です。",
    Kind.RETAIL_AT_NW: "配備先はNW、オンラインの登録は小売用です。",
    Kind.NW_ZONE: "NW用の端末が、小売または共用の区画にあります。",
    Kind.TRANSFERRED: "使用者のいまの所属が、用途区分の会社と違います。",
    Kind.OTHER_CARD: "用途区分と違う会社の職員証が、この端末に出されています。",
    Kind.RESIDUAL_LU: "使っていないはずの端末にLUが残っています。再配備はできません。",
    Kind.UNREGISTERED: "配備済みですが、オンラインに登録がありません。",
    Kind.NOT_IN_LEDGER: "オンラインに登録がありますが、台帳にありません。",
    Kind.DUPLICATE_LU: "同じLUが複数の端末に、または1台に複数のLUがあります。",
    Kind.LU_MOVED: "台帳のLUが、オンラインでは別の端末に登録されています。",
    Kind.HOLDER_DIFFERS: "配備先の会社が、台帳と登録で違います。",
    Kind.PLACE_DIFFERS: "設置場所が一致しません。",
    Kind.NOT_SEEN: "長い間、利用も棚卸もされていません。",
    Kind.NOT_AUDITED: "棚卸の期限を過ぎています。",
}
