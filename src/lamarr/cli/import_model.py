"""``lamarr import-model``: a Keras or ONNX file as card and weights."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


def _split(names: str | None) -> tuple[str, ...] | None:
    return tuple(n.strip() for n in names.split(",")) if names else None


@click.command("import-model")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path(), help="Folder to write to.")
@click.option("--name", help="Name of the model (default: that of the file).")
@click.option("--inputs", help="Names of the input columns, separated by commas.")
@click.option("--outputs", help="Names of the output columns, separated by commas.")
@click.option(
    "--noise", type=click.IntRange(min=0), default=0, help="So many last input columns are N(0, 1) noise."
)
@click.option("--library", metavar="libNAME.so", help="Compile it, too: a library with NAME.h beside it.")
@click.option("--force", is_flag=True, help="Replace a library that exists.")
def command(
    *,
    file: Path,
    output: Path,
    name: str | None,
    inputs: str | None,
    outputs: str | None,
    noise: int,
    library: str | None,
    force: bool,
) -> None:
    """Write the model of FILE (.keras, .h5, .onnx) as a card NAME.json and weights NAME.safetensors.

    The card is what sets of models and lamarr.transpile.load_model take. With --library the model is compiled
    for C and C++ programs: in batches, and through LHCb's plug-in interface.
    """
    import hashlib

    from lamarr.transpile.imports import import_file, model_from

    graph = import_file(file)
    model = model_from(
        graph,
        name or file.stem,
        inputs=_split(inputs),
        outputs=_split(outputs),
        noise=noise,
        card={"imported_from": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}},
    )
    click.echo(
        f"wrote {model.save(output)}: {len(model.inputs)} inputs, {model.n_noise} random numbers, "
        f"{len(model.outputs)} outputs, {model.graph.multiplications} multiplications per row"
    )
    if library:
        from lamarr.transpile.c import write_library

        for path in write_library([model], library, force=force):
            click.echo(f"wrote {path}")
