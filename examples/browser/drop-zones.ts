/** Fields that take files: by dropping, by the mouse and by the keyboard (the field itself is a file input). */
export function watchDropZones(onFiles: (field: string, files: File[]) => void): void {
  for (const zone of document.querySelectorAll<HTMLElement>("[data-for]")) {
    const field = zone.dataset.for as string;
    const chooser = zone.querySelector("input") as HTMLInputElement;
    chooser.addEventListener("change", () => {
      const files = [...(chooser.files ?? [])];
      // So that choosing the same file again counts.
      chooser.value = "";
      if (files.length > 0) onFiles(field, files);
    });
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
async function droppedFiles(data: DataTransfer | null): Promise<File[]> {
  if (data === null) return [];
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...data.files];
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function filesBelow(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  for (;;) {
    // A browser hands out a folder in parts; an empty one is the end.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return files;
    files.push(...(await Promise.all(part.map(filesBelow))).flat());
  }
}
