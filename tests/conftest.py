import sys
from pathlib import Path

from hypothesis import settings

# Test modules share the helpers beside this file.
sys.path.insert(0, str(Path(__file__).parent))

# No test asserts a time, property tests neither: a busy machine would fail them.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
