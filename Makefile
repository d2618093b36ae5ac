# 営業オンライン: every command of daily work. `make help` lists them.

PYTHON := .venv/bin/python
ARGS ?=
TEST := $(PYTHON) -m deploy.embedded test -- $(PYTHON) -m pytest
PROVE := EIGYO_PROVE=1 $(TEST)
WORLDS := tests/guarantees/test_noninterference.py
FAULTS := tests/guarantees/test_log_before_show.py
CLOCK := tests/guarantees/test_timing.py

.DEFAULT_GOAL := help
.PHONY: help setup develop lock run check test test-product test-guarantees test-deploy prove prove-worlds prove-faults prove-rest prove-clock bench bench-log

help: ## この一覧を表示する
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: ## 実行に必要なものを .venv に入れる（ハッシュ検証つき）
	@sh deploy/install.sh requirements.txt

develop: ## 開発とテストに必要なものを .venv に入れる
	@sh deploy/install.sh requirements-dev.txt

lock: ## pyproject.toml から版とハッシュを決め直す（uv が必要。索引の住所を含む uv.lock は残さない）
	uv lock --quiet
	uv export --quiet --format requirements-txt --no-header --no-dev --no-emit-project -o requirements.txt
	uv export --quiet --format requirements-txt --no-header --all-groups --no-emit-project -o requirements-dev.txt

run: setup ## すべてを起動する（Ctrl-C で停止、ポートは EIGYO_PORT）
	@exec $(PYTHON) -m deploy.run

check: develop ## 書式、型、依存の向き、テンプレート、マイグレーションを検査する
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy .
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(PYTHON) -m djlint --lint templates
	$(PYTHON) manage.py makemigrations --check --dry-run
	$(PYTHON) manage.py check

test: check ## check のあと、使い捨てのデータベースで、すべてのテストを並べて実行する（ARGS=… は pytest へ）
	@echo "三つの組を並べて実行します。結果は、組ごとに終わった時に表示します。"
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target test-product test-guarantees test-deploy

test-product: develop ## 保証と配備を除くテスト
	$(TEST) --ignore=tests/guarantees --ignore=tests/deploy $(ARGS)

test-guarantees: develop ## 保証のテスト（短い形）
	EIGYO_STATIC_ROOT=build/static-guarantees $(TEST) tests/guarantees $(ARGS)

test-deploy: develop ## 配備のテスト
	EIGYO_STATIC_ROOT=build/static-deploy $(TEST) tests/deploy $(ARGS)

prove: develop ## 保証を長い形で確かめ、確かめた数を表にする（1時間ほど、ARGS=… は pytest へ）
ifdef ARGS
	$(PROVE) $(ARGS)
else
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target prove-faults prove-worlds prove-rest; \
	sides=$$?; $(MAKE) --no-print-directory prove-clock && exit $$sides
endif

prove-worlds: develop
	EIGYO_STATIC_ROOT=build/static-worlds $(PROVE) $(WORLDS)

prove-faults: develop
	EIGYO_STATIC_ROOT=build/static-faults $(PROVE) $(FAULTS)

prove-rest: develop
	EIGYO_STATIC_ROOT=build/static-rest $(PROVE) tests/guarantees $(addprefix --ignore=,$(WORLDS) $(FAULTS) $(CLOCK))

prove-clock: develop # alone: it measures time
	$(PROVE) $(CLOCK)

bench: develop ## 端末の突合の速さを、diffsync と Python だけの方法と並べて測る（ARGS="--terminals 100000"）
	$(PYTHON) -m deploy.embedded run --state build/bench --database eigyo_bench -- $(PYTHON) -m bench.reconciliation $(ARGS)

bench-log: develop ## 閲覧記録の速さと大きさを測る（ARGS="--entries 1000000 10000000"）
	$(PYTHON) -m deploy.embedded run --state build/bench --database eigyo_bench -- $(PYTHON) -m bench.read_log $(ARGS)
