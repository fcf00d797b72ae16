//! Walks a pickle's opcodes without building anything, so that its cost is known before a reader pays it.
//!
//! Opcodes and their arguments: CPython's `Lib/pickletools.py`, protocols 0 to 5.

use std::collections::BTreeSet;
use std::io::{BufRead, Read};

/// Opcodes one checkpoint may hold. MedNeXt-L with optimiser state and 1,000 epochs of log needs about 250,000; a
/// reader spends some 200 bytes on each.
const MAX_OPCODES: u64 = 2_000_000;

/// Pickle bytes one checkpoint may hold.
const MAX_BYTES: u64 = 64 << 20;

/// Longest string kept as a possible name.
const MAX_NAME: u64 = 256;

/// Distinct names kept.
const MAX_NAMES: usize = 10_000;

/// Modules no weights need: pickles that name them were made to run commands in programs less careful than this one.
const HOSTILE_MODULES: [&str; 22] = [
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "pty",
    "shutil",
    "socket",
    "ctypes",
    "runpy",
    "importlib",
    "webbrowser",
    "urllib",
    "http",
    "requests",
    "asyncio",
    "multiprocessing",
    "code",
    "codeop",
    "pdb",
    "commands",
    "pickle",
];

/// Built-ins of the same kind.
const HOSTILE_BUILTINS: [&str; 9] = ["eval", "exec", "compile", "open", "getattr", "setattr", "__import__", "input", "globals"];

/// What a pickle would ask a real unpickler for.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    opcodes: u64,
    bytes: u64,
    /// `module.name` of every global.
    globals: BTreeSet<String>,
}

impl Scan {
    /// Walks one pickle up to and including its STOP; several pickles add up.
    pub(crate) fn pickle(&mut self, reader: &mut impl BufRead) -> Result<(), String> {
        let mut recent = [String::new(), String::new()];
        loop {
            self.opcodes += 1;
            if self.opcodes > MAX_OPCODES {
                return Err(format!("its pickle has more than {MAX_OPCODES} operations"));
            }
            let [opcode] = self.take(reader)?;
            match opcode {
                b'.' => return Ok(()),
                b'('
                | b'0'
                | b'1'
                | b'2'
                | b'N'
                | b'R'
                | b'b'
                | b'd'
                | b'l'
                | b't'
                | b's'
                | b'a'
                | b')'
                | b']'
                | b'}'
                | b'e'
                | b'u'
                | b'Q'
                | b'o'
                | 0x81
                | 0x85..=0x89
                | 0x8f..=0x92
                | 0x94
                | 0x97
                | 0x98 => {}
                b'K' | b'h' | b'q' | 0x80 | 0x82 => self.skip(reader, 1)?,
                b'M' | 0x83 => self.skip(reader, 2)?,
                b'J' | b'j' | b'r' | 0x84 => self.skip(reader, 4)?,
                b'G' | 0x95 => self.skip(reader, 8)?,
                b'I' | b'L' | b'F' | b'V' | b'g' | b'p' | b'P' | b'S' => drop(self.line(reader)?),
                b'c' | b'i' => {
                    let module = self.line(reader)?;
                    let name = self.line(reader)?;
                    self.global(&module, &name);
                }
                0x93 => self.global(&recent[0], &recent[1]),
                b'X' | 0x8c | 0x8d => {
                    let length = self.length(reader, opcode)?;
                    recent.swap(0, 1);
                    recent[1] = self.text(reader, length)?;
                }
                b'U' | b'C' | 0x8a | b'T' | b'B' | 0x8b | 0x8e | 0x96 => {
                    let length = self.length(reader, opcode)?;
                    self.skip(reader, length)?;
                }
                other => return Err(format!("its pickle has the unknown operation 0x{other:02x}")),
            }
        }
    }

    /// The first global that runs commands or reaches files.
    pub(crate) fn hostile_global(&self) -> Option<&str> {
        self.globals.iter().map(String::as_str).find(|global| {
            let (module, name) = global.split_once('.').unwrap_or((global, ""));
            let builtin = matches!(module, "builtins" | "__builtin__") && HOSTILE_BUILTINS.contains(&name);
            builtin || HOSTILE_MODULES.contains(&module)
        })
    }

    fn global(&mut self, module: &str, name: &str) {
        if self.globals.len() < MAX_NAMES {
            self.globals.insert(format!("{module}.{name}"));
        }
    }

    fn take<const N: usize>(&mut self, reader: &mut impl BufRead) -> Result<[u8; N], String> {
        self.count(N as u64)?;
        let mut bytes = [0; N];
        reader.read_exact(&mut bytes).map_err(|_| "its pickle is cut short".to_owned())?;
        Ok(bytes)
    }

    fn length(&mut self, reader: &mut impl BufRead, opcode: u8) -> Result<u64, String> {
        match opcode {
            b'U' | b'C' | 0x8a | 0x8c => Ok(u64::from(self.take::<1>(reader)?[0])),
            b'T' | b'X' | b'B' | 0x8b => Ok(u64::from(u32::from_le_bytes(self.take(reader)?))),
            _ => Ok(u64::from_le_bytes(self.take(reader)?)),
        }
    }

    fn skip(&mut self, reader: &mut impl BufRead, length: u64) -> Result<(), String> {
        self.count(length)?;
        let skipped = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).map_err(|e| e.to_string())?;
        if skipped == length { Ok(()) } else { Err("its pickle is cut short".to_owned()) }
    }

    fn text(&mut self, reader: &mut impl BufRead, length: u64) -> Result<String, String> {
        if length > MAX_NAME {
            self.skip(reader, length)?;
            return Ok(String::new());
        }
        self.count(length)?;
        let mut bytes = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn line(&mut self, reader: &mut impl BufRead) -> Result<String, String> {
        let mut bytes = Vec::new();
        let left = MAX_BYTES.saturating_sub(self.bytes);
        let read = reader.by_ref().take(left).read_until(b'\n', &mut bytes).map_err(|e| e.to_string())?;
        self.count(read as u64)?;
        if bytes.pop() != Some(b'\n') {
            return Err("its pickle is cut short".to_owned());
        }
        bytes.truncate(MAX_NAME as usize);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn count(&mut self, bytes: u64) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            return Err(format!("its pickle is longer than {} MiB", MAX_BYTES >> 20));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(mut bytes: &[u8]) -> Result<Scan, String> {
        let mut scan = Scan::default();
        scan.pickle(&mut bytes)?;
        assert!(bytes.is_empty());
        Ok(scan)
    }

    #[test]
    fn globals_are_found_in_both_spellings() {
        assert_eq!(scan(b"cos\nsystem\n(U\x02lstR.").unwrap().hostile_global(), Some("os.system"));
        assert_eq!(scan(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.").unwrap().hostile_global(), Some("builtins.eval"));
        assert_eq!(scan(b"ccollections\nOrderedDict\n)R.").unwrap().hostile_global(), None);
        assert_eq!(scan(b"cbuiltins\nset\n)R.").unwrap().hostile_global(), None);
    }

    #[test]
    fn floods_and_lies_stop_early() {
        let flood = vec![b'N'; 3_000_000];
        assert!(scan(&flood).unwrap_err().contains("more than 2000000 operations"));
        assert!(scan(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.").unwrap_err().contains("longer than 64 MiB"));
        assert!(scan(b"X\xff\x00\x00\x00abc").unwrap_err().contains("cut short"));
        assert!(scan(b"I12").unwrap_err().contains("cut short"));
        assert!(scan(b"\xff").unwrap_err().contains("unknown operation 0xff"));
    }
}
