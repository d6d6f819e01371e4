const PROMPT = /^(?:[\w.-]+@[\w.-]+[:\s]\S*\s?[#$]|\[[\w.-]+@[\w.-]+ \S+\][#$]|[#$]|\+)\s+(.*)$/;
/** Lines of scripts that do something to a PCI device. */
const SCRIPTED = /^(?:echo \S+ *>[|>]? *"?\/sys\/|xl (?:pci|create|destroy)|setpci |virsh )/;

/** The command a line of a transcript or a script holds; null when it holds none. */
export function commandIn(text: string): string | null {
  const prompt = PROMPT.exec(text);
  if (prompt === null && !SCRIPTED.test(text.trim())) return null;
  return (prompt?.[1] ?? text).trim();
}
