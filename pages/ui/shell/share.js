// Copies the link; where a browser does not let the page copy, the link is selected, ready for the keys.

export default function ({ data, parentElement }) {
  const [field, button] = ["input", "button"].map((name) => parentElement.querySelector(name));
  field.value = data.link;
  field.onfocus = () => field.select();
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.link);
      button.textContent = "Copied";
    } catch {
      field.focus();
      button.textContent = "Press Ctrl+C";
    }
  };
}
