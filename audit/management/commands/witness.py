"""立会人: run the witness, which needs its own key and file and no database, or ask what it has seen."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from gunicorn.app.base import BaseApplication

from audit.note import WITNESS, NoteError, Signer
from audit.trust import Policy
from audit.witness import Witness, application


class _Server(BaseApplication):
    def __init__(self, witness: Witness, bind: str) -> None:
        self.witness, self.bind = witness, bind
        super().__init__()

    def load_config(self) -> None:
        for name, value in {"bind": self.bind, "threads": 4, "control_socket_disable": True}.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return application(self.witness, lambda: int(time.time()))


class Command(BaseCommand):
    """Serve add-checkpoint for the logs of the trust policy."""

    help = "立会人（witness）を起動します。記録の管理者とは別の人が、別の鍵と別のファイルで動かしてください。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read where to listen."""
        parser.add_argument("--bind", default="127.0.0.1:8100", help="待ち受けるアドレスとポート")
        parser.add_argument(
            "--show",
            metavar="記録の名前",
            help="起動せずに、最後に見たチェックポイントを表示する（監査人に渡す）",
        )

    def handle(self, *args: Any, bind: str, show: str | None, **options: Any) -> None:
        """Start or show, or say what is missing."""
        if not (settings.WITNESS_KEY and settings.WITNESS_STORE and settings.READ_LOG_POLICY):
            raise CommandError(
                "EIGYO_WITNESS_KEY、EIGYO_WITNESS_STORE、EIGYO_LOG_POLICY を設定してください。"
            )
        try:
            signer = Signer.from_seed(settings.WITNESS_NAME, WITNESS, settings.WITNESS_KEY)
            logs = Policy.parse(Path(settings.READ_LOG_POLICY).read_text()).logs
        except (NoteError, OSError) as error:
            raise CommandError(f"立会人を起動できません：{error}") from error
        witness = Witness(signer, logs, Path(settings.WITNESS_STORE))
        if not show:
            _Server(witness, bind).run()
        elif seen := witness.latest(show):
            self.stdout.write(seen, ending="")
        else:
            raise CommandError(f"{show} のチェックポイントは、まだ見ていません。")
