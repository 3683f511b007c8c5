"""What people do in Slack: buttons, modals, commands, shortcuts, workflow steps and the Home tab.

Each arrival is saved before Slack is told that we heard it, and takes effect once. Must not know: alerts, the HTTP
listener, and what an intervention changes; that is in ``bot.response.interventions``.
"""
