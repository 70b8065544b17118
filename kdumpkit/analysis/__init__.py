"""Why a kernel died: its log, its stacks, a second opinion."""
