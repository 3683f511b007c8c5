"""For authors of remediations: what their tests need, without a whole Watchkeeper."""
