"""`make compose-test`: docker-compose.yml tried for real, as README and docs/operations.md use it."""
