/* What of a part of the page is wider than the page, sticks out of the part, or is cut off where it stands. */
(part) => {
  const found = [];
  const told = (one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.trim().slice(0, 60)}`;
  if (document.documentElement.scrollWidth > innerWidth) found.push(`page: ${document.documentElement.scrollWidth} px`);
  const room = part.getBoundingClientRect();
  if (room.left < 0 || room.right > innerWidth) found.push(`out of the page: ${told(part)}`);
  for (const one of part.querySelectorAll("*")) {
    if (one.closest(".visually-hidden, svg") || !one.checkVisibility()) continue;
    const box = one.getBoundingClientRect();
    if (box.left < room.left - 0.5 || box.right > room.right + 0.5) found.push(`sticks out: ${told(one)}`);
    if (getComputedStyle(one).display !== "inline" && one.scrollWidth > one.clientWidth + 1) found.push(`cut: ${told(one)}`);
  }
  return found;
};
