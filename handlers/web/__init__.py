"""The HTTP listener: alerts, Slack's signed requests, health, metrics, and the pages behind signed links.

Must not know: what an alert or a click sets in motion, nor the other way of connecting, Socket Mode.
"""
