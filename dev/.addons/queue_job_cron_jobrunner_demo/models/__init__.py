from . import ledger
from . import misbehaviour
