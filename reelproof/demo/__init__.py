"""The main job, end to end, on real input and offline: the story `reelproof demo` tells."""
