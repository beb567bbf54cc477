"""`romtool fmu MODEL LOAD.toml -o model.fmu`."""

from pathlib import Path

import click

from romtool.cli.options import (
    PATH,
    json_option,
    model_argument,
    output_option,
    overwrite_option,
    print_json,
    quiet_option,
    speaker,
)


@click.command("fmu")
@model_argument
@click.argument("load", type=PATH)
@output_option("the unit (.fmu)")
@overwrite_option
@json_option
@quiet_option
def command(model: Path, load: Path, output: Path, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Write MODEL as an FMU for co-simulation: amplitudes of LOAD's tables in, quantities out."""
    from romtool.pipeline.fmu import write_fmu

    say = speaker(quiet)
    unit = write_fmu(model, load, output, say, overwrite=overwrite)
    if as_json:
        print_json({"fmu": str(output), "inputs": unit.inputs, "outputs": unit.outputs})
    else:
        say(f"wrote {output}: inputs {', '.join(unit.inputs)}; outputs {', '.join(unit.outputs)}")
