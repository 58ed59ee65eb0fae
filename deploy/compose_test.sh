#!/bin/sh
# `make compose-test`: tries docker-compose.yml for real, on this machine's engine or a borrowed one.
exec "$(dirname "$0")/engine.sh" python3 -m deploy.compose_test
