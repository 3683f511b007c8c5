/**
 * Given the least contrast, the texts on the page that stand out less than that from the opaque background behind
 * them, as WCAG 2 measures it. Left out: emoji, and the faces of people one does not act as, which are dimmed on purpose.
 */
(least) => {
  const LEFT_OUT = ".visually-hidden, .emoji, .personas, script, noscript";
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  const pixel = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => {
    const linear = [...colour.slice(0, 3)]
      .map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = pixel(getComputedStyle(each).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return pixel("white");
  };

  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (
      !words ||
      element.closest(LEFT_OUT) ||
      !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    )
      continue;
    const [brighter, darker] = [
      luminance(pixel(getComputedStyle(element).color)),
      luminance(behind(element)),
    ].sort((a, b) => b - a);
    const contrast = (brighter + 0.05) / (darker + 0.05);
    if (contrast < least) faint.push(`${contrast.toFixed(2)} ${words.slice(0, 40)}`);
  }
  return faint;
};
