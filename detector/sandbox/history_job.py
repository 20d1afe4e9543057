"""The small pictures of a credential's history, taken out and decoded in a confined child."""

from detector.sandbox import picture_job
from detector.sandbox.child import Bench
from provenance.history import pictures_in
from provenance.store import StoreFault, find_store


def rehearse() -> None:
    """Load what the C2PA reader and the decoders of pictures load on first use."""
    from detector.sandbox import credential_job

    credential_job.rehearse()
    picture_job.rehearse()


def send_pictures(bench: Bench, wanted: list[str], most_px: int, is_store: bool, beside: bytes | None) -> None:
    """Send each of the wanted pictures that can be decoded, under its number in the list."""
    if beside is not None:
        store: bytes | None = beside
    elif is_store:
        store = bench.file.read()
    else:
        try:
            store = find_store(bench.file)
        except StoreFault:
            store = None
    numbers = {name: number for number, name in enumerate(wanted)}
    for name, content in pictures_in(store, wanted) if store is not None else ():
        picture = picture_job.picture_in(content, most_px)
        if picture is not None:
            picture_job.send_picture(bench, numbers[name], picture)
