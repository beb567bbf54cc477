"""`romtool readers`."""

import click

from romtool.cli.options import json_option, print_json, print_table


@click.command("readers")
@json_option
def command(as_json: bool) -> None:
    """List the file formats that can be read, and why a reader is not available."""
    from romtool.convert.registry import list_readers

    found = list_readers()
    if as_json:
        print_json({"readers": [vars(entry) for entry in found]})
        return
    rows = [
        (entry.name, " ".join((*entry.extensions, *entry.deck_extensions)), "yes" if entry.available else entry.reason)
        for entry in found
    ]
    print_table("readers", ("name", "files", "available"), rows)
