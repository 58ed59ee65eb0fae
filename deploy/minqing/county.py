"""`minqing county`: the county directory."""

from pathlib import Path

import click

from deploy.minqing.trouble import say
from shared import county as directory


@click.group()
def county() -> None:
    """县名录 | the county directory."""


@county.command()
@click.argument("path", type=click.Path(path_type=Path))
def check(path: Path) -> None:
    """检查县名录文件 | check a county directory; names file, line and reason of every error."""
    found = directory.load(path)
    say(
        f"{found.name.zh}：{len(found.departments)} 个部门、{len(found.places)} 个地点、"
        f"{len(found.categories)} 个类别、{len(found.rules)} 条规则，无错误（版本 {found.version}）",
        f"{found.name.en}: {len(found.departments)} departments, {len(found.places)} places, "
        f"{len(found.categories)} categories, {len(found.rules)} rules, no errors ({found.version})",
    )
