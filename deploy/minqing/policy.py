"""`minqing policy`: who may do what to which rows, as the services go by it."""

from collections.abc import Iterator

import click
import orjson

from deploy.minqing.trouble import say
from shared import policy as table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 | as JSON")
def policy(*, as_json: bool) -> None:
    """权限表：谁可以对哪些内容做什么 | who may do what to which rows; what is not listed is denied."""
    if as_json:
        click.echo(orjson.dumps(list(_rows()), option=orjson.OPT_INDENT_2).decode())
        return
    say(table.ABOVE_ALL.zh, table.ABOVE_ALL.en)
    for action in table.ACTIONS.values():
        person = "，仅限本人登录 | people only" if action.person else ""
        click.echo(f"\n{action.name.zh} | {action.name.en}（{action.scope}{person}）{action.basis}")
        for rows, roles in action.grouped():
            who_zh, who_en = ("、".join(role.zh for role in roles), ", ".join(role.en for role in roles))
            click.echo(f"  {rows.name.zh} | {rows.name.en}\n      {who_zh} | {who_en}")


def _rows() -> Iterator[dict[str, object]]:
    for name, action in table.ACTIONS.items():
        for role, rows in action.rows.items():
            yield {
                "action": name,
                "role": role,
                "rows": rows.name.en,
                "scope": action.scope,
                "person": action.person,
                "isolated": action.isolated,
                "basis": action.basis,
            }
