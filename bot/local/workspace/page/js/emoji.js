/** Short names of the emoji that operations people use. An unknown name stays as `:name:`, as readable text. */

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|100 💯|airplane ✈️|alarm_clock ⏰|ambulance 🚑|anchor ⚓|anger 💢|arrow_down ⬇️
arrow_forward ▶️|arrow_left ⬅️|arrow_right ➡️|arrow_up ⬆️|arrows_counterclockwise 🔄|back 🔙|bangbang ‼️|bar_chart 📊
battery 🔋|beers 🍻|bell 🔔|black_circle ⚫|blue_heart 💙|blush 😊|bookmark 🔖|boom 💥|broom 🧹|bug 🐛|bulb 💡
busts_in_silhouette 👥|bust_in_silhouette 👤|calendar 📅|chart_with_downwards_trend 📉|chart_with_upwards_trend 📈|clap 👏
clipboard 📋|clock1 🕐|closed_lock_with_key 🔐|cloud ☁️|compass 🧭|computer 💻|confetti_ball 🎊|construction 🚧|cop 👮
credit_card 💳|crossed_fingers 🤞|cry 😢|dart 🎯|desktop_computer 🖥️|disappointed 😞|double_vertical_bar ⏸️|pause_button ⏸️
earth_africa 🌍|electric_plug 🔌|email 📧|exclamation ❗|eye 👁️|eyes 👀|fire 🔥|fire_engine 🚒|floppy_disk 💾|gear ⚙️
ghost 👻|globe_with_meridians 🌐|grey_question ❔|grinning 😀|hammer 🔨|hammer_and_wrench 🛠️|hand 🖐️|handshake 🤝|heart ❤️
heavy_check_mark ✔️|heavy_exclamation_mark ❗|heavy_minus_sign ➖|heavy_plus_sign ➕|helmet_with_white_cross ⛑️|hourglass ⌛
hourglass_flowing_sand ⏳|hugging_face 🤗|information_source ℹ️|joy 😂|key 🔑|label 🏷️|large_blue_circle 🔵|large_green_circle 🟢
large_orange_circle 🟠|large_red_square 🟥|large_yellow_circle 🟡|izakaya_lantern 🏮|link 🔗|lock 🔒|loudspeaker 📢
mag 🔍|mag_right 🔎|mailbox 📫|mega 📣|memo 📝|moneybag 💰|muscle 💪|mute 🔇|neutral_face 😐|new 🆕|no_bell 🔕|no_entry ⛔
no_entry_sign 🚫|notebook 📓|ok 🆗|ok_hand 👌|open_file_folder 📂|package 📦|page_facing_up 📄|paperclip 📎|pencil 📝
pencil2 ✏️|pill 💊|point_right 👉|police_car 🚓|pray 🙏|pushpin 📌|question ❓|rage 😡|rainbow 🌈|raised_hand ✋|raised_hands 🙌
recycle ♻️|red_circle 🔴|repeat 🔁|rewind ⏪|robot_face 🤖|rocket 🚀|rotating_light 🚨|satellite 📡|scales ⚖️|scroll 📜|ship 🚢
shield 🛡️|shrug 🤷|sleeping 😴|slightly_smiling_face 🙂|smile 😄|smiley 😃|snail 🐌|snowflake ❄️|sos 🆘|sparkles ✨|speech_balloon 💬
star ⭐|stop_sign 🛑|octagonal_sign 🛑|stopwatch ⏱️|sunny ☀️|sweat_smile 😅|tada 🎉|test_tube 🧪|thinking_face 🤔|thought_balloon 💭
timer_clock ⏲️|toolbox 🧰|traffic_light 🚦|triangular_flag_on_post 🚩|trophy 🏆|turtle 🐢|umbrella ☂️|unlock 🔓|vertical_traffic_light 🚦
warning ⚠️|wastebasket 🗑️|wave 👋|white_check_mark ✅|white_circle ⚪|wrench 🔧|x ❌|zap ⚡|zzz 💤|leftwards_arrow_with_hook ↩️
black_square_for_stop ⏹️|stop_button ⏹️|play_or_pause_button ⏯️|male-police-officer 👮|woman-shrugging 🤷|man-shrugging 🤷
large_purple_circle 🟣|large_green_square 🟩|large_yellow_square 🟨|small_red_triangle 🔺|small_blue_diamond 🔹|one 1️⃣|two 2️⃣|three 3️⃣
`;

const BY_NAME = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((entry) => {
      const gap = entry.indexOf(" ");
      return [entry.slice(0, gap), entry.slice(gap + 1)];
    }),
);

/** What people may add as a reaction with one click. */
export const QUICK_REACTIONS = ["eyes", "white_check_mark", "raised_hands", "+1"];

export function emojiFor(name) {
  return BY_NAME.get(name.replace(/::skin-tone-\d$/, "")) ?? `:${name}:`;
}
