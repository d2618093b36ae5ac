"""What was changed afterwards is found and named, by us and by a program that shares no line with us."""

import os
import secrets

import psycopg
import pytest
import rfc8785
from django.core.management import CommandError, call_command

import eigyo_verify
from audit import handover, log, proofs, publication, tree
from tests.audit.conftest import entry, entry_of, found, offline, unguarded, verdict

PARTITIONS = """
SELECT c.oid::regclass::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_class c
JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'audit.entry'::regclass
"""


@pytest.fixture
def taken_away(published_log, tmp_path):
    """What the auditor holds: the folder, and the trust policy received on an earlier day."""
    handover.hand_over(tmp_path / "auditor", progress=lambda done: None)
    (tmp_path / "trusted.txt").write_text(published_log.policy.read_text())
    return tmp_path


def test_an_untouched_log_is_found_good(published_log):
    result = verdict()
    assert result.is_fine, result.findings
    assert (result.size, result.checkpoints) == (300, 2)


def test_the_verdict_is_on_the_log_itself(published_log, read_log):
    verdict()
    (note,) = read_log.entries(action="verify_log")
    assert (note["person"], note["outcome"]) == ("NW-0009", "allowed")


def change_a_byte(superuser):
    superuser.execute(
        "UPDATE entry SET payload = replace(payload, '佐藤', '大西') WHERE id = %s", [entry_of(superuser, 7)]
    )
    return 7, "改変"


def swap_two(superuser):
    one, other = entry_of(superuser, 20), entry_of(superuser, 21)
    superuser.execute(
        "UPDATE entry e SET payload = o.payload FROM entry o WHERE (e.id, o.id) IN ((%s, %s), (%s, %s))",
        [one, other, other, one],
    )
    return 20, "入れ替え"


def delete_one(superuser):
    superuser.execute("DELETE FROM entry WHERE id = %s", [entry_of(superuser, 100)])
    return 100, "削除"


def delete_the_last(superuser):
    superuser.execute("DELETE FROM entry WHERE id = %s", [entry_of(superuser, 299)])
    return 299, "削除"


def delete_a_tick(superuser):
    superuser.execute("DELETE FROM entry e USING leaf l WHERE l.entry = e.id AND l.index >= 40")
    superuser.execute("DELETE FROM leaf WHERE index >= 40")
    return 40, "末尾の削除"


def delete_a_leaf_in_between(superuser):
    superuser.execute("DELETE FROM leaf WHERE index = 5")
    return 5, "続いていません"


def rewrite_leaf_and_entry(superuser):
    superuser.execute(
        "UPDATE entry SET payload = replace(payload, '佐藤', '大西') WHERE id = %s", [entry_of(superuser, 7)]
    )
    superuser.execute(
        "UPDATE leaf l SET hash = sha256('\\x00'::bytea || convert_to(e.payload, 'UTF8')) FROM entry e"
        " WHERE e.id = l.entry AND l.index = 7"
    )
    return 7, "タイルの値と違います"


def insert_beside_the_tree(superuser):
    superuser.execute("INSERT INTO entry (payload, xact) VALUES (%s, '3')", [entry().payload()])
    return None, "封印の外"


def insert_among_the_sealed(superuser):
    superuser.execute(
        "INSERT INTO entry (payload, xact, logged_at) SELECT %s, '3', logged_at FROM leaf WHERE index = 150",
        [entry().payload()],
    )
    return None, "封印の外"


def insert_before_all(superuser):
    superuser.execute(
        "INSERT INTO entry (payload, xact, logged_at) VALUES (%s, '3', '1999-01-01')", [entry().payload()]
    )
    return None, "封印の外"


DEEDS = (
    change_a_byte,
    swap_two,
    delete_one,
    delete_the_last,
    delete_a_tick,
    delete_a_leaf_in_between,
    rewrite_leaf_and_entry,
    insert_beside_the_tree,
    insert_among_the_sealed,
    insert_before_all,
)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_what_an_administrator_changes_is_found_and_the_first_bad_leaf_named(published_log, superuser, deed):
    with unguarded(superuser, "entry", "leaf"):
        leaf, words = deed(superuser)
    findings = found()
    first = [index for index, _ in findings if index is not None]
    assert (min(first) if first else None) == leaf
    assert any(words in message for _, message in findings), findings


@pytest.fixture
def kept_partitions(superuser):
    """Attach again, emptied, what a deed detached, so that later tests find a whole table."""
    bounds = dict(superuser.execute(PARTITIONS).fetchall())
    yield
    for part in bounds.keys() - dict(superuser.execute(PARTITIONS).fetchall()).keys():
        superuser.execute(f"ALTER TABLE {part} DISABLE TRIGGER no_truncate")
        superuser.execute(f"TRUNCATE {part}")
        superuser.execute(f"ALTER TABLE {part} ENABLE ALWAYS TRIGGER no_truncate")
        with unguarded(superuser, "entry"):
            superuser.execute("TRUNCATE entry")
        superuser.execute(f"ALTER TABLE entry ATTACH PARTITION {part} {bounds[part]}")
        superuser.execute(f"ALTER TABLE {part} ENABLE ALWAYS TRIGGER no_change")


def test_a_month_taken_out_of_the_log_is_found(published_log, superuser, kept_partitions):
    (part,) = superuser.execute("SELECT tableoid::regclass::text FROM entry LIMIT 1").fetchone()
    superuser.execute(f"ALTER TABLE entry DETACH PARTITION {part}")
    superuser.execute(f"ALTER TABLE {part} RENAME TO entry_elsewhere")
    try:
        assert found()[0] == (0, "封印された記録がありません（削除または移動）。")
    finally:
        superuser.execute(f"ALTER TABLE entry_elsewhere RENAME TO {part}")


@pytest.mark.parametrize(
    ("column", "value", "written"),
    [
        ("request", "r8", "(payload::json) ->> 'request'"),
        ("fields", '["number"]', "((payload::json) -> 'fields')::text"),
    ],
)
def test_a_column_that_says_something_else_than_its_entry_is_found(
    published_log, superuser, column, value, written
):
    """Only by taking the generation of the column away can its value be changed."""
    with unguarded(superuser, "entry"):
        superuser.execute(f"ALTER TABLE entry ALTER COLUMN {column} DROP EXPRESSION")
        superuser.execute(f"UPDATE entry SET {column} = %s WHERE id = %s", [value, entry_of(superuser, 9)])
    try:
        assert found()[0] == (9, f"検索用の列が記録の内容と違います（{column}）。")
    finally:
        with unguarded(superuser, "entry"):
            superuser.execute("TRUNCATE entry")
            superuser.execute(f"ALTER TABLE entry DROP COLUMN {column}")
            superuser.execute(
                f"ALTER TABLE entry ADD COLUMN {column} text GENERATED ALWAYS AS ({written}) STORED"
            )
            superuser.execute(f"GRANT SELECT ({column}) ON entry TO eigyo_app")


@pytest.mark.parametrize(
    "payload",
    [
        '{"action":"open","action":"list","outcome":"allowed"}',
        '{"outcome":"allowed","action":"open"}',
        '{"action":"open","outcome":"allowed","rows":1.0}',
        '{"action":"open", "outcome":"allowed"}',
        '{"action":"open","claims":[1.0],"outcome":"allowed"}',
    ],
)
def test_an_entry_with_two_readings_is_found_though_its_hash_is_right(sealed_log, superuser, payload):
    superuser.execute("INSERT INTO entry (payload) VALUES (%s)", [payload])
    sealed_log.seals()
    sealed_log.publishes()
    assert found() == [(0, "記録が正規の形（RFC 8785）ではありません。")]


@pytest.mark.parametrize(
    "said",
    [
        {"fields": ["番号", 'a"b', "\\"], "outcome": "allowed", "person": "髙橋"},
        {"action": "open", "outcome": "refused", "person": None},
        {"fields": None, "outcome": {"a": [1, "二"]}, "person": 5, "point": True},
        {"fields": "number", "outcome": "allowed", "request": ""},
    ],
)
def test_the_columns_of_any_entry_are_what_the_database_makes_of_it(sealed_log, superuser, said):
    payload = rfc8785.dumps({"action": "open"} | said).decode()
    superuser.execute("INSERT INTO entry (payload) VALUES (%s)", [payload])
    sealed_log.seals()
    sealed_log.publishes()
    assert found() == []


def test_an_entry_dated_back_is_found(published_log, superuser):
    superuser.execute(
        "INSERT INTO entry (payload, logged_at) VALUES (%s, now() - interval '2 months')", [entry().payload()]
    )
    published_log.seals()
    published_log.publishes()
    assert found() == [(300, "記録の時刻が、先に封印された記録より1時間以上前です。")]


def test_an_entry_put_between_the_far_apart_times_of_one_chunk_is_found(published_log, superuser):
    """A clock that was wrong once makes a gap inside a chunk, which nobody may use as a hiding place."""
    superuser.execute(
        "INSERT INTO entry (payload, logged_at) VALUES (%s, now() - interval '2 years')", [entry().payload()]
    )
    published_log.seals()
    published_log.publishes()
    with unguarded(superuser, "entry"):
        superuser.execute(
            "INSERT INTO entry (payload, xact, logged_at) VALUES (%s, '3', now() - interval '1 year')",
            [entry().payload()],
        )
    assert (None, "封印の外に加えられた記録です。") in found()


@pytest.mark.parametrize("time", ["infinity", "-infinity", "150000-01-01"])
def test_a_leaf_with_a_time_no_calendar_has_is_found(published_log, superuser, time):
    with unguarded(superuser, "leaf"):
        superuser.execute("UPDATE leaf SET logged_at = %s WHERE index = 7", [time])
    assert (7, "封印された記録がありません（削除または移動）。") in found()


def test_a_lost_tile_is_named(published_log):
    (published_log.folder / "tile/0/000").unlink()
    assert found()[0] == (0, "タイルがありません（tile/0/000）。")


def test_a_cosignature_that_is_missing_is_found(published_log, superuser):
    superuser.execute(
        "UPDATE checkpoint SET note = regexp_replace(note, '— test.invalid/witness[^\n]*\n', '')"
    )
    assert [message for _, message in found()] == [
        "300件の公表済みチェックポイントに、立会人の署名がそろっていません。",
        "40件の公表済みチェックポイントに、立会人の署名がそろっていません。",
    ]


def test_the_command_says_the_first_bad_leaf_and_fails(published_log, superuser, capsys):
    call_command("verify_read_log", "--full")
    assert "不一致はありません" in capsys.readouterr().out
    with unguarded(superuser, "entry"):
        change_a_byte(superuser)
    with pytest.raises(CommandError, match="封印番号 7"):
        call_command("verify_read_log", "--full")


def test_an_auditor_verifies_the_whole_log_with_one_file(taken_away):
    answer = offline("log", taken_away / "auditor", "--policy", taken_away / "trusted.txt")
    assert answer.returncode == 0, answer.stderr
    assert "300件" in answer.stdout


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/000", "tile/entries/001.p/44", "checkpoint"])
def test_an_auditor_finds_any_changed_byte_of_the_folder(taken_away, name):
    path = taken_away / "auditor" / name
    policy = eigyo_verify.Policy((taken_away / "trusted.txt").read_text())
    data = path.read_bytes()
    for place in (len(data) // 3, len(data) // 2, len(data) - 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises((eigyo_verify.Bad, ValueError)):
            eigyo_verify.verify_log(taken_away / "auditor", policy, [])
    answer = offline("log", taken_away / "auditor", "--policy", taken_away / "trusted.txt")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "不一致" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_log_rewritten_and_signed_again_with_the_real_key_is_found_by_what_the_witness_kept(
    taken_away, published_log, tmp_path, settings
):
    """The deed of somebody with every password and the log's key, but not the witness."""
    kept = tmp_path / "witnessed"
    settings.WITNESS_KEY, settings.WITNESS_STORE = secrets.token_hex(32), tmp_path / "witness.sqlite"
    with kept.open("w") as file:
        call_command("witness", show=settings.READ_LOG_ORIGIN, stdout=file)
    with pytest.raises(CommandError, match="まだ見ていません"):
        call_command("witness", show="another.invalid/log")
    folder = taken_away / "auditor"
    payloads = [entry().payload().encode() for _ in range(300)]
    for old in (folder / "tile").rglob("*"):
        if old.is_file():
            old.unlink()
    handover._write_bundles(folder, 0, payloads)
    hashes = [tree.leaf_hash(payload) for payload in payloads]
    handover.Tiles(folder, 0).append(hashes)
    root = tree.frontier_root(tree.extend([], 0, hashes))
    text = publication.Checkpoint(publication.settings.READ_LOG_ORIGIN, 300, root).text
    (folder / "checkpoint").write_text(publication.sign(text, publication.signers()))
    trusted = taken_away / "trusted.txt"
    assert "立会人の署名" in offline("log", folder, "--policy", trusted).stderr
    trusted.write_text(trusted.read_text().replace("quorum w", "quorum none"))
    answer = offline("log", folder, "--policy", trusted, "--earlier", kept)
    assert "つながりません。書き換えられています" in answer.stderr


def test_one_entry_is_proved_to_somebody_with_only_the_trust_policy(taken_away, superuser, tmp_path):
    target = tmp_path / "7.tlog-proof"
    call_command("prove_entry", str(entry_of(superuser, 7)), output=target)
    answer = offline("proof", target, "--policy", taken_away / "trusted.txt")
    assert answer.returncode == 0, answer.stderr
    assert "封印番号 7" in answer.stdout
    assert '"request":"r7"' in answer.stdout
    policy = eigyo_verify.Policy((taken_away / "trusted.txt").read_text())
    lines = target.read_text().splitlines()
    for number in [number for number, line in enumerate(lines) if line]:
        line = lines[number]
        other = line[:-3] + ("B" if line[-3:-2] == "A" else "A") + line[-2:]
        with pytest.raises((eigyo_verify.Bad, ValueError)):
            eigyo_verify.verify_proof("\n".join([*lines[:number], other, *lines[number + 1 :], ""]), policy)


def test_an_entry_that_is_not_published_yet_is_said_to_be_so(sealed_log, superuser):
    log.append([entry()])
    number = superuser.execute("SELECT max(id) FROM entry").fetchone()[0]
    with pytest.raises(proofs.NotProvable, match="まだ封印されていません"):
        proofs.prove(number)
    sealed_log.seals()
    with pytest.raises(proofs.NotProvable, match="まだ公表されていません"):
        proofs.prove(number)


def test_the_verifier_reads_with_the_log_reader_s_rights_only(published_log):
    with (
        psycopg.connect(os.environ["EIGYO_DB_LOG"]) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("UPDATE audit.verification SET fine = true")
