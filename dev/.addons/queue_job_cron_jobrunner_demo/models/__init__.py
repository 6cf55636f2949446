from . import ledger
from . import hanging
from . import misbehaviour
