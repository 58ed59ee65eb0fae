# 民情 Minqing. `make help` lists what can be done; everything is made in .venv and .data, nothing else.

PYTHON ?= python3
BIN := .venv/bin
SBOM := build/sbom.json
PROCESSES := 2
SCANNED := $$(git ls-files)

.DEFAULT_GOAL := help
.PHONY: help run up down status install test lint scan sbom faults bench compose-test requirements clean

help:  ## 列出命令 | list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

run: .venv/.run  ## 启动全套系统（Ctrl-C 停止） | start the whole suite (Ctrl-C stops it)
	@$(BIN)/minqing up

up: .venv/.run  ## 在后台启动 | start in the background
	@$(BIN)/minqing up --detach

down: .venv/.run  ## 停止后台系统 | stop it
	@$(BIN)/minqing down

status: .venv/.run  ## 查看运行状态与计数 | how it runs, and counts
	@$(BIN)/minqing status

install: .venv/.run  ## 安装到 .venv | install into .venv

test: .venv/.dev .venv/.provider  ## 运行全部测试 | run every test
	@$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

lint: .venv/.dev  ## 检查风格、类型、架构与安全 | check style, types, architecture and security
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive services shared deploy
	@$(MAKE) --no-print-directory scan
	@$(BIN)/python -m deploy.audit

scan: .venv/.dev  ## 检查文件中有无遗落的密钥 | look for secrets left in files
	@PYTHONPATH=. $(BIN)/python -m detect_secrets.pre_commit_hook --plugin deploy/access_key.py \
	  --exclude-lines '//user:pw@host/|^CODE_ALPHABET = ' $(SCANNED)

sbom: .venv/.dev  ## 生成运行所需部件清单 build/sbom.json | list what runs, in CycloneDX
	@mkdir -p $(dir $(SBOM))
	@cat requirements.txt requirements-embedded.txt | $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file $(SBOM) -

faults: .venv/.dev  ## 破坏一切，再清点（SEEDS=3，约 12 分钟） | break everything, then count (SEEDS=3, about 12 minutes)
	@$(BIN)/python -m tests.faults

bench: .venv/.dev  ## 测量吞吐 | measure throughput
	@$(BIN)/python -m tests.bench

compose-test:  ## 构建镜像并实测 docker compose | build the images and try docker compose for real
	@bash deploy/compose_test.sh

requirements:  ## 重新锁定依赖（需要 pip-tools） | pin the dependencies again (needs pip-tools)
	for list in requirements requirements-embedded requirements-dev tests/oidc/requirements; do \
	  pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
	    --no-emit-find-links --no-emit-trusted-host --output-file $$list.txt $$list.in || exit 1; \
	done

clean: ## 停止并删除 .venv 与 .data（数据也会删除） | stop, and delete .venv and .data with all data
	@! test -x $(BIN)/minqing || $(BIN)/minqing down --delete
	rm -rf .venv .data build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Three stamps: what running needs, what checking needs besides, and a provider to sign in at, kept apart.
.venv/.run: requirements.txt requirements-embedded.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo '需要 Python 3.11 或更高版本。可指定：make PYTHON=python3.12'; \
	  echo 'Python 3.11 or later is needed. You may name it: make PYTHON=python3.12'; exit 1; }
	@echo '正在安装依赖到 .venv …… | Installing into .venv ...'
	@$(PYTHON) -m venv .venv || { \
	  echo '无法创建虚拟环境；Debian/Ubuntu 请先安装 python3-venv。'; \
	  echo 'No virtual environment could be made; on Debian/Ubuntu install python3-venv first.'; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements.txt -r requirements-embedded.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv/.provider: .venv/.run tests/oidc/requirements.txt
	@$(PYTHON) -m venv .venv/provider
	@.venv/provider/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/oidc/requirements.txt
	@touch $@
