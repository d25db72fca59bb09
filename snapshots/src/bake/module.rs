//! A guest module taken apart into its sections, and put together with one data segment more.

use wasm_encoder::{
    ConstExpr, CustomSection, DataCountSection, Encode, MemorySection, MemoryType, RawSection,
    Section, SectionId,
};
use wasmparser::{ExternalKind, GlobalType, Operator, Parser, Payload, TypeRef, ValType};

use super::{BakeError, DESCRIPTOR, Region, SECTION};

/// What has to be known of a module, and its sections as they are.
pub(super) struct Module<'a> {
    /// In the order of the file.
    sections: Vec<Part<'a>>,
    /// Pages that its memory begins with.
    pub(super) memory_pages: u64,
    memory_max: Option<u64>,
    /// Address of the descriptor.
    descriptor: u32,
    data_count: u32,
}

/// A section, by what becomes of it.
enum Part<'a> {
    Kept(u8, &'a [u8]),
    Memory,
    DataCount,
    /// The segments, without the number before them.
    Data(&'a [u8]),
}

fn broken(error: impl std::fmt::Display) -> BakeError {
    BakeError::NotAModule(error.to_string())
}

impl<'a> Module<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BakeError> {
        wasmparser::Validator::new()
            .validate_all(bytes)
            .map_err(broken)?;
        let mut sections = Vec::new();
        let mut memory = None;
        let mut imported_globals = 0;
        let mut globals: Vec<Option<i32>> = Vec::new();
        let mut exported = None;
        let mut data_count = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(broken)?;
            match &payload {
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        match import.map_err(broken)?.ty {
                            TypeRef::Memory(_) => {
                                return Err(BakeError::Unsupported(
                                    "imports its memory, and nothing can be baked into another's",
                                ));
                            }
                            TypeRef::Global(_) => imported_globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(memories) => {
                    for (index, declared) in memories.clone().into_iter().enumerate() {
                        let declared = declared.map_err(broken)?;
                        if index > 0 || declared.memory64 || declared.shared {
                            return Err(BakeError::Unsupported(
                                "has a memory that is not one of 32 bits, unshared and alone",
                            ));
                        }
                        memory = Some(declared);
                    }
                    sections.push(Part::Memory);
                    continue;
                }
                Payload::GlobalSection(all) => {
                    for global in all.clone() {
                        let global = global.map_err(broken)?;
                        globals.push(constant(global.ty, &global.init_expr)?);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports.clone() {
                        let export = export.map_err(broken)?;
                        if export.name == DESCRIPTOR && export.kind == ExternalKind::Global {
                            exported = Some(export.index);
                        }
                    }
                }
                Payload::CustomSection(custom) if custom.name() == SECTION => {
                    return Err(BakeError::AlreadyBaked);
                }
                Payload::DataCountSection { .. } => {
                    sections.push(Part::DataCount);
                    continue;
                }
                Payload::DataSection(data) => {
                    data_count = data.count();
                    let first = data.original_position();
                    let range = data.range();
                    let segments = bytes.get(first..range.end).unwrap_or(&[]);
                    sections.push(Part::Data(segments));
                    continue;
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                sections.push(Part::Kept(id, bytes.get(range).unwrap_or(&[])));
            }
        }
        let descriptor = exported
            .and_then(|index| usize::try_from(index.checked_sub(imported_globals)?).ok())
            .and_then(|index| globals.get(index).copied().flatten())
            .ok_or(BakeError::NotAGuest)?;
        let memory = memory.ok_or(BakeError::NotAGuest)?;
        Ok(Self {
            sections,
            memory_pages: memory.initial,
            memory_max: memory.maximum,
            descriptor: descriptor.cast_unsigned(),
            data_count,
        })
    }

    /// The module with a region above its memory.
    pub(super) fn with(&self, region: &Region, names: &str) -> Vec<u8> {
        let mut out = wasm_encoder::Module::HEADER.to_vec();
        let mut had_data = false;
        for part in &self.sections {
            match part {
                Part::Kept(id, data) => RawSection { id: *id, data }.append_to(&mut out),
                Part::Memory => {
                    let mut memories = MemorySection::new();
                    memories.memory(MemoryType {
                        minimum: region.pages,
                        maximum: self.memory_max.map(|most| most.max(region.pages)),
                        memory64: false,
                        shared: false,
                        page_size_log2: None,
                    });
                    memories.append_to(&mut out);
                }
                Part::DataCount => DataCountSection {
                    count: self.data_count + 2,
                }
                .append_to(&mut out),
                Part::Data(segments) => {
                    had_data = true;
                    self.append_data(segments, region, &mut out);
                }
            }
        }
        if !had_data {
            self.append_data(&[], region, &mut out);
        }
        CustomSection {
            name: SECTION.into(),
            data: names.as_bytes().into(),
        }
        .append_to(&mut out);
        out
    }

    /// The data section: what was there, then ours. Segments are written in their order, so the
    /// descriptor wins over the zeros that the module has in its place.
    fn append_data(&self, segments: &[u8], region: &Region, out: &mut Vec<u8>) {
        let descriptor: Vec<u8> = region
            .descriptor
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let mut head = Vec::new();
        (self.data_count + 2).encode(&mut head);
        head.extend_from_slice(segments);
        append_head(self.descriptor, &descriptor, &mut head);
        head.extend_from_slice(&descriptor);
        append_head(region.base, &region.bytes, &mut head);
        // The encoder's own section would hold another copy of the snapshots.
        out.push(SectionId::Data.into());
        (head.len() + region.bytes.len()).encode(out);
        out.extend_from_slice(&head);
        out.extend_from_slice(&region.bytes);
    }
}

/// An active segment of memory 0, up to its bytes.
fn append_head(at: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    ConstExpr::i32_const(at.cast_signed()).encode(out);
    bytes.len().encode(out);
}

/// The value of a global that is a constant address.
fn constant(ty: GlobalType, init: &wasmparser::ConstExpr<'_>) -> Result<Option<i32>, BakeError> {
    if ty.content_type != ValType::I32 || ty.mutable {
        return Ok(None);
    }
    match init.get_operators_reader().read().map_err(broken)? {
        Operator::I32Const { value } => Ok(Some(value)),
        _ => Ok(None),
    }
}
