"""Keys and certificates, C2PA manifests signed and read, the repository that gives a stripped clip its
credential back, and the fingerprints it compares by.

Knows nothing of policies, models or how a mark is read: it is handed `SoftBinding` values. No torch.
"""
