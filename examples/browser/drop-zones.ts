import type { PathFile } from "./protocol.js";

/** Fields that take files: by dropping, by the mouse and by the keyboard (the field itself is a file input). */
export function watchDropZones(onFiles: (field: string, files: PathFile[]) => void): void {
  for (const zone of document.querySelectorAll<HTMLElement>("[data-for]")) {
    const field = zone.dataset.for as string;
    for (const chooser of zone.querySelectorAll("input")) {
      chooser.addEventListener("change", () => {
        const files = [...(chooser.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
        // So that choosing the same file again counts.
        chooser.value = "";
        if (files.length > 0) onFiles(field, files);
      });
    }
    const folder = zone.querySelector<HTMLInputElement>("input.dialog");
    zone.querySelector("button.folder")?.addEventListener("click", () => folder?.click());
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      zone.classList.remove("over");
      const files = await droppedFiles(event.dataTransfer);
      if (files.length > 0) onFiles(field, files);
    });
  }
  // A file that misses a field must not make the browser leave the page.
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
}

/** All files of what was dropped, folders included. */
async function droppedFiles(data: DataTransfer | null): Promise<PathFile[]> {
  if (data === null) return [];
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.some(({ isDirectory }) => isDirectory))
    return [...data.files].map((file) => ({ path: file.name, file }));
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function filesBelow(entry: FileSystemEntry): Promise<PathFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: PathFile[] = [];
  for (;;) {
    // A browser hands out a folder in parts; an empty one is the end.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return files;
    files.push(...(await Promise.all(part.map(filesBelow))).flat());
  }
}
