"""公開鍵: print the lines of the trust policy that belong to the keys this process holds."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.note import LOG, WITNESS, NoteError, Signer


class Command(BaseCommand):
    """Print public keys for the trust policy."""

    help = "この環境にある署名鍵の公開鍵を、信頼方針（tlog-policy）の行として表示します。"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each key."""
        try:
            logs = [Signer.from_seed(settings.READ_LOG_ORIGIN, LOG, seed) for seed in settings.READ_LOG_KEYS]
            for signer in logs:
                self.stdout.write(f"log {signer.key}")
            if settings.WITNESS_KEY:
                witness = Signer.from_seed(settings.WITNESS_NAME, WITNESS, settings.WITNESS_KEY)
                self.stdout.write(f"witness 立会人の名前 {witness.key} 立会人のURL")
        except NoteError as error:
            raise CommandError(
                "署名鍵は32バイトの16進数です。EIGYO_LOG_KEYS と EIGYO_WITNESS_KEY を確かめてください。"
            ) from error
