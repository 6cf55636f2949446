"""The files of the checkout that are ours."""

from .environment import ADDON, CHECKOUT

PLACES = (ADDON.parent, CHECKOUT / "dev" / ".addons")


def addons():
    """The folders of our addons, each under the addon's own name."""
    return sorted(
        path.parent for place in PLACES for path in place.glob("*/__manifest__.py")
    )


def files(suffix, *folders):
    """Those below the folders and below what is linked there, but no further."""
    for folder in folders:
        for child in sorted(folder.iterdir()):
            if child.suffix == suffix:
                yield child
            elif child.is_dir():
                yield from sorted(child.rglob(f"*{suffix}"))
