"""`romtool import CASE/case.toml`."""

from pathlib import Path

import click

from romtool.cli.options import case_argument, json_option, print_json, print_table, quiet_option, speaker
from romtool.cli.progress import progress


@click.command("import")
@case_argument
@click.option("--overwrite", is_flag=True, help="Convert anew, also where the dataset is up to date.")
@json_option
@quiet_option
def command(case: Path, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Convert the results of the simulations of CASE to the folder `dataset` beside it."""
    from romtool.pipeline.balance import balance_tables
    from romtool.pipeline.dataset import dataset_folder, import_case
    from romtool.pipeline.describe import describe_dataset
    from romtool.pipeline.ranks import world

    comm = world()
    with progress(quiet, comm.rank) as track:
        dataset = import_case(case, comm, speaker(quiet, comm.rank), anew=overwrite, track=track)
    if as_json:
        print_json(describe_dataset(dataset))
        return
    rows = [(record.name, len(record.times), len(record.loading.times) - 1) for record in dataset.simulations]
    title = f"{dataset_folder(case)}: {dataset.n_nodes} nodes, {dataset.n_elements} elements"
    print_table(title, ("simulation", "output times", "increments"), rows)
    for title, columns, steps in balance_tables(dataset.balance):
        print_table(title, columns, steps)
