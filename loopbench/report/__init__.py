"""Self-contained HTML pages: one file each, no network, light and dark.

Model names and everything else that comes from a run are escaped; a content security policy
forbids outside resources, and every script but the page's own, all the same.
"""
