"""The small company every newcomer meets: three channels, four people and the bot."""

from bot.local.workspace import Channel, Team, User, UserGroup


def demo_team() -> Team:
    """A fresh team with the names the documentation and the example policy use."""
    team = Team(id="T01WATCH", name="Harbour", domain="harbour")
    people = (
        User("U01ALICE", "alice", "Alice Adeyemi", "SRE on call", "alice@harbour.example", "#2f6f8f"),
        User("U02BOB", "bob", "Bob Lindqvist", "SRE", "bob@harbour.example", "#7a4f9a"),
        User("U03CAROL", "carol", "Carol Mbeki", "Head of platform", "carol@harbour.example", "#a4552d"),
        User("U04DAVE", "dave", "Dave Okafor", "Product", "dave@harbour.example", "#3d7a4a"),
    )
    bot = User("UWATCH", "watchkeeper", "Watchkeeper", "Automation", "", "#1f2f4f", is_bot=True)
    everyone = [person.id for person in people] + [bot.id]
    team.add(
        *people,
        bot,
        UserGroup("S01ONCALL", "sre-oncall", "SRE on call", ["U01ALICE", "U02BOB"]),
        Channel("C01INC", "incidents", members=list(everyone), topic="What is broken, and who has it"),
        Channel("C02AUD", "audit", members=list(everyone), topic="Everything that was decided and done"),
        Channel("C03LEAD", "leadership", members=["U03CAROL", bot.id], topic="The weekly picture"),
    )
    return team
