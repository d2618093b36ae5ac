"""A checkpoint leaves this system only after its witness has signed it, and only as a continuation."""

import secrets
import shutil

import pytest
from django.utils import timezone

from audit import log, operations, publication, tree
from audit.note import LOG, NoteError, Signer, VerifierKey, open_note, sign
from audit.publication import WitnessAbsent
from audit.sealer import SealingRefused
from audit.tiles import tile_path
from audit.trust import Policy
from tests.audit.conftest import ORIGIN, entry, unguarded


def grows(sealed_log, entries):
    log.append([entry() for _ in range(entries)])
    sealed_log.seals()


def health(superuser, part):
    return superuser.execute("SELECT fine, message FROM health WHERE part = %s", [part]).fetchone()


def test_a_published_checkpoint_carries_both_signatures(sealed_log):
    grows(sealed_log, 3)
    assert sealed_log.publishes().size == 3
    opened = open_note((sealed_log.folder / "checkpoint").read_text(), publication.policy().keys)
    assert [key.name for key in opened.signed] == [ORIGIN, "test.invalid/witness"]
    assert sealed_log.publishes() is None


def test_without_its_witness_nothing_is_published_and_sealing_goes_on(sealed_log, superuser):
    grows(sealed_log, 2)
    sealed_log.neighbour.is_away()
    with pytest.raises(WitnessAbsent, match="w"):
        sealed_log.publishes()
    assert sealed_log.published is None
    operations.publish(at=timezone.now())
    assert health(superuser, "witness")[0] is False
    grows(sealed_log, 300)
    sealed_log.neighbour.answers()
    operations.publish(at=timezone.now())
    assert sealed_log.published.size == 302
    assert health(superuser, "witness")[0] is True


def test_a_witness_that_remembers_less_is_given_the_proof_from_there(sealed_log):
    grows(sealed_log, 5)
    sealed_log.publishes()
    (sealed_log.folder / "checkpoint").unlink()
    grows(sealed_log, 70)
    assert sealed_log.publishes().size == 75


def test_a_witness_that_has_seen_more_stops_the_publication(sealed_log, superuser):
    """A fresh cluster with the old key: nothing here remembers, but the witness does."""
    grows(sealed_log, 5)
    sealed_log.publishes()
    (sealed_log.folder / "checkpoint").unlink()
    _forget(superuser, leaves=3)
    with pytest.raises(SealingRefused, match="巻き戻っています"):
        sealed_log.publishes()
    assert sealed_log.published is None


def test_a_rewritten_log_signed_with_the_real_key_is_found_by_the_witness(sealed_log, superuser):
    grows(sealed_log, 5)
    sealed_log.publishes()
    (sealed_log.folder / "checkpoint").unlink()
    _forget(superuser, leaves=0)
    grows(sealed_log, 9)
    with pytest.raises(SealingRefused, match="書き換えられています"):
        sealed_log.publishes()


def test_a_refused_publication_stays_on_the_officers_page_while_sealing_goes_on(sealed_log, superuser):
    grows(sealed_log, 5)
    sealed_log.publishes()
    (sealed_log.folder / "checkpoint").unlink()
    _forget(superuser, leaves=0)
    grows(sealed_log, 9)
    with pytest.raises(SealingRefused):
        operations.publish(at=timezone.now())
    sealed_log.seals()
    assert health(superuser, "sealing")[0] is True
    fine, message = health(superuser, "witness")
    assert not fine
    assert "書き換えられています" in message


def test_a_trouble_is_logged_when_it_begins_and_not_at_every_tick(sealed_log, caplog):
    grows(sealed_log, 1)
    sealed_log.neighbour.is_away()
    for _ in range(3):
        operations.publish(at=timezone.now())
    assert caplog.text.count("read_log_upkeep") == 1
    sealed_log.neighbour.answers()
    operations.publish(at=timezone.now())
    sealed_log.neighbour.is_away()
    grows(sealed_log, 1)
    operations.publish(at=timezone.now())
    assert caplog.text.count("read_log_upkeep") == 2


def test_lost_tiles_are_made_again_from_the_leaves(sealed_log):
    grows(sealed_log, 300)
    sealed_log.publishes()
    shutil.rmtree(sealed_log.folder / "tile")
    grows(sealed_log, 1)
    assert sealed_log.publishes().size == 301
    assert (sealed_log.folder / tile_path(0, 0)).stat().st_size == 256 * 32


def test_during_a_rotation_both_keys_sign_and_either_is_enough(sealed_log, settings):
    new = secrets.token_hex(32)
    settings.READ_LOG_KEYS = [sealed_log.log_seed, new]
    sealed_log.neighbour.witness.logs.append(Signer.from_seed(ORIGIN, LOG, new).key)
    for trusted in ([sealed_log.log_seed], [sealed_log.log_seed, new], [new]):
        sealed_log.trusts(*trusted)
        grows(sealed_log, 1)
        sealed_log.publishes()
    settings.READ_LOG_KEYS = [new]
    grows(sealed_log, 1)
    assert sealed_log.publishes().size == 4


def test_a_checkpoint_file_that_is_not_ours_stops_the_sealer(sealed_log):
    grows(sealed_log, 1)
    sealed_log.publishes()
    path = sealed_log.folder / "checkpoint"
    path.write_text(path.read_text().replace("\n1\n", "\n2\n"))
    with pytest.raises(SealingRefused, match="署名を確かめられません"):
        sealed_log.seals()


def test_a_note_with_a_changed_text_or_signature_does_not_open():
    signer = Signer.from_seed("log", LOG, "11" * 32)
    note = sign("log\n1\nAAAA\n", [signer])
    assert open_note(note, [signer.key]).signed == {signer.key: 0}
    assert open_note(note, []).signed == {}
    for broken in (note.replace("AAAA", "AAAB"), note[:-10] + "AAAAAAAAA\n", note.replace("\n\n", "\n"), ""):
        with pytest.raises(NoteError):
            open_note(broken, [signer.key])


def test_a_key_whose_id_was_exchanged_is_not_read():
    key = str(Signer.from_seed("log", LOG, "11" * 32).key)
    assert str(VerifierKey.parse(key)) == key
    with pytest.raises(NoteError):
        VerifierKey.parse(key.replace(key.split("+")[1], "00000000"))


def test_a_trust_policy_counts_its_groups():
    witnesses = [Signer.from_seed(f"w{number}", 4, f"{number}{number}" * 32).key for number in range(1, 4)]
    lines = [f"witness w{number} {key}" for number, key in enumerate(witnesses, 1)]
    policy = Policy.parse("\n".join([*lines, "group g 2 w1 w2 w3", "quorum g"]))
    note = sign("log\n0\nAAAA\n", [Signer.from_seed("log", LOG, "44" * 32)])
    one = open_note(note, witnesses)
    assert not policy.is_met(one)
    one.signed.update(dict.fromkeys(witnesses[:2], 1))
    assert policy.is_met(one)


@pytest.mark.parametrize(
    "text", ["", "quorum x", "quorum none\nquorum none", "log nothing\nquorum none", "wat 1\nquorum none"]
)
def test_a_trust_policy_that_means_nothing_is_refused(text):
    with pytest.raises(NoteError):
        Policy.parse(text)


def _forget(superuser, *, leaves):
    """Take tree and checkpoints back, as an administrator of the server can."""
    with unguarded(superuser, "leaf", "checkpoint", "tree_state"):
        superuser.execute("DELETE FROM checkpoint")
        superuser.execute("DELETE FROM leaf WHERE index >= %s", [leaves])
        kept = superuser.execute("SELECT hash FROM leaf ORDER BY index").fetchall()
        frontier = tree.extend([], 0, [bytes(row[0]) for row in kept])
        superuser.execute("UPDATE tree_state SET size = %s, frontier = %s", [leaves, frontier])
