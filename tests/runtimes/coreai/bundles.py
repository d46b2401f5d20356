"""Bundles for tests: written from checkpoints, and damaged."""

from nemocli.network.checkpoint import open_checkpoint


def make_bundle(checkpoint, out, precision="fp32", about=None):
    """Write the bundle of a checkpoint folder into a new folder `out`; return that."""
    from nemocli.runtimes.coreai.bundle_files import write_bundle

    source = open_checkpoint(checkpoint)
    out.mkdir(parents=True)
    tokenizers = {"tokenizer.json": source.tokenizer}
    write_bundle(source.parameters, out, precision, tokenizers, about or {}, lambda *_: None)
    return out
