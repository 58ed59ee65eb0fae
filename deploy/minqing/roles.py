"""`minqing roles`: the services' databases and roles on a server that is theirs alone, as compose runs it."""

from collections.abc import Mapping
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from deploy.minqing import databases
from deploy.minqing.trouble import Trouble, say

ADMINISTRATOR = "postgres"


@click.command()
@click.option(
    "--server",
    envvar="MINQING_DATABASE_ADMIN_URL",
    required=True,
    help="数据库服务器 | the server, such as postgresql://postgres@postgres",
)
@click.option(
    "--secrets",
    envvar="MINQING_SECRETS",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="口令文件所在目录 | the folder of the files <role>_password",
)
def roles(server: str, secrets: Path) -> None:
    """补齐数据库和角色，口令以文件为准 | make what is missing; passwords become those of the files.

    可反复运行，不动任何数据。 | It may be run again and again and touches no data.
    """
    known = passwords(secrets)
    admin = make_url(server).set(password=known[ADMINISTRATOR]).render_as_string(hide_password=False)
    databases.create(admin, known)
    databases.close_rest(admin)
    say("数据库与角色已就绪", "Databases and roles are up to date")


def passwords(secrets: Path) -> Mapping[str, str]:
    """Return the password of each role, of the administrator's too. Refuses a folder without one of them."""
    files = {role: secrets / f"{role}_password" for role in (*databases.SERVICES, ADMINISTRATOR)}
    known = {role: file.read_text().strip() for role, file in files.items() if file.exists()}
    if missing := [files[role].name for role in files if not known.get(role)]:
        raise Trouble(
            f"{secrets} 中缺少 {'、'.join(missing)}", f"{' and '.join(missing)} missing in {secrets}"
        )
    return known
