import sys
from pathlib import Path

# Test modules share the helpers beside this file.
sys.path.insert(0, str(Path(__file__).parent))
