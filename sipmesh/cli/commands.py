"""The tree of commands."""

import typer

from sipmesh.cli import conformance_command, directory_commands, live_commands, node_commands

app = typer.Typer(
    name="sipmesh",
    help="SIP proxy, registrar and RTP media relay.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(node_commands.run)
app.command("check")(node_commands.check)
app.add_typer(directory_commands.users, name="user")
app.add_typer(directory_commands.trunks, name="trunk")
app.add_typer(directory_commands.routes, name="route")
app.command("registrations")(live_commands.registrations)
app.add_typer(live_commands.calls, name="calls")
app.command("cdr")(live_commands.cdr)
app.command("conformance")(conformance_command.conformance)


def main() -> None:
    app()
