#include "vmm/elf_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

constexpr uint32_t kPhys32EntryNote = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr std::string_view kXenName("Xen\0", 4);
constexpr size_t kMaxProgramHeaders = 256;

struct Elf32 {
  using Header = Elf32_Ehdr;
  using ProgramHeader = Elf32_Phdr;
  static constexpr ElfClass kClass = ElfClass::k32;
  static constexpr uint16_t kMachine = EM_386;
};

struct Elf64 {
  using Header = Elf64_Ehdr;
  using ProgramHeader = Elf64_Phdr;
  static constexpr ElfClass kClass = ElfClass::k64;
  static constexpr uint16_t kMachine = EM_X86_64;
};

absl::Status Truncated(const BootInputs& inputs, std::string_view what) {
  return KernelError(inputs, absl::StrFormat("the ELF file is truncated: its %s lies past the end, "
                                             "at %d bytes; copy the file again",
                                             what, inputs.kernel.bytes.size()));
}

template <typename Elf>
absl::Status CheckHeader(const BootInputs& inputs, const typename Elf::Header& header) {
  if (header.e_machine != Elf::kMachine || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return KernelError(inputs, absl::StrFormat("an ELF file for machine %d, not for x86; use an "
                                               "x86 kernel",
                                               header.e_machine));
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return KernelError(inputs, absl::StrFormat("an ELF file of type %d, not an executable; use a "
                                               "linked kernel",
                                               header.e_type));
  }
  if (header.e_phentsize != sizeof(typename Elf::ProgramHeader) ||
      header.e_phnum > kMaxProgramHeaders) {
    return KernelError(inputs,
                       absl::StrFormat("%d ELF program headers of %d bytes; at most %d of "
                                       "%d are valid: use a correctly linked kernel",
                                       header.e_phnum, header.e_phentsize, kMaxProgramHeaders,
                                       sizeof(typename Elf::ProgramHeader)));
  }
  return absl::OkStatus();
}

template <typename Elf>
absl::StatusOr<ElfSegment> ParseLoad(const BootInputs& inputs,
                                     const typename Elf::ProgramHeader& header) {
  if (header.p_filesz > header.p_memsz) {
    return KernelError(inputs, absl::StrFormat("a PT_LOAD at %#x has %d bytes in the file and only "
                                               "%d in memory; use a correctly linked kernel",
                                               header.p_paddr, header.p_filesz, header.p_memsz));
  }
  const uint64_t offset = header.p_filesz == 0 ? 0 : header.p_offset;  // all zeros: no bytes
  const std::optional<Bytes> bytes = Slice(inputs.kernel.bytes, offset, header.p_filesz);
  if (!bytes.has_value()) {
    return Truncated(inputs, absl::StrFormat("PT_LOAD of %d bytes at offset %d", header.p_filesz,
                                             header.p_offset));
  }
  return ElfSegment{*bytes, header.p_paddr, header.p_vaddr, header.p_memsz};
}

// The value of the note that gives the PVH entry point, if `notes` has one that is whole.
std::optional<uint64_t> FindPvhEntry(Bytes notes, uint64_t alignment) {
  const auto padded = [&](uint64_t size) { return (size + alignment - 1) & ~(alignment - 1); };
  uint64_t at = 0;
  while (const auto note = ReadAt<Elf64_Nhdr>(notes, at)) {  // the same in both classes
    const uint64_t name_at = at + sizeof(*note);
    const uint64_t value_at = at + padded(sizeof(*note) + note->n_namesz);
    const std::optional<Bytes> name = Slice(notes, name_at, note->n_namesz);
    if (name.has_value() && note->n_type == kPhys32EntryNote &&
        std::ranges::equal(*name, std::as_bytes(std::span(kXenName)))) {
      if (note->n_descsz == sizeof(uint64_t)) return ReadAt<uint64_t>(notes, value_at);
      if (note->n_descsz == sizeof(uint32_t)) return ReadAt<uint32_t>(notes, value_at);
    }
    at = value_at + padded(note->n_descsz);
  }
  return std::nullopt;
}

template <typename Elf>
absl::Status ParseProgramHeader(const BootInputs& inputs, const typename Elf::ProgramHeader& header,
                                ElfImage& elf) {
  if (header.p_type == PT_INTERP) {
    return KernelError(inputs, "a dynamically linked program, not a kernel; use a kernel");
  }
  if (header.p_type == PT_LOAD && header.p_memsz > 0) {
    HVKIT_ASSIGN_OR_RETURN(const ElfSegment segment, ParseLoad<Elf>(inputs, header));
    elf.segments.push_back(segment);
  }
  if (header.p_type == PT_NOTE && !elf.pvh_entry.has_value()) {
    const std::optional<Bytes> notes = Slice(inputs.kernel.bytes, header.p_offset, header.p_filesz);
    if (!notes.has_value()) return Truncated(inputs, "PT_NOTE");
    elf.pvh_entry = FindPvhEntry(*notes, header.p_align == 8 ? 8 : 4);
  }
  return absl::OkStatus();
}

// Where the entry is in physical memory. Most kernels state a physical address; one that states a
// virtual address means the place where that segment is loaded.
uint64_t PhysicalEntry(const ElfImage& elf, uint64_t entry) {
  for (const ElfSegment& segment : elf.segments) {
    if (entry >= segment.virt && entry - segment.virt < segment.memory_size) {
      return entry - segment.virt + segment.physical;
    }
  }
  return entry;
}

template <typename Elf>
absl::StatusOr<ElfImage> Parse(const BootInputs& inputs) {
  const Bytes file = inputs.kernel.bytes;
  const auto header = ReadAt<typename Elf::Header>(file, 0);
  if (!header.has_value()) return Truncated(inputs, "header");
  HVKIT_RETURN_IF_ERROR(CheckHeader<Elf>(inputs, *header));
  const uint64_t table_size = uint64_t{header->e_phnum} * header->e_phentsize;
  const std::optional<Bytes> table = Slice(file, header->e_phoff, table_size);
  if (!table.has_value()) return Truncated(inputs, "program header table");
  ElfImage elf = {.elf_class = Elf::kClass, .entry = 0, .segments = {}, .pvh_entry = {}};
  for (uint64_t at = 0; at < table_size; at += header->e_phentsize) {
    const auto program_header = ReadAt<typename Elf::ProgramHeader>(*table, at);
    HVKIT_RETURN_IF_ERROR(ParseProgramHeader<Elf>(inputs, *program_header, elf));
  }
  if (elf.segments.empty()) {
    return KernelError(inputs, "an ELF file with nothing to load; use a linked kernel");
  }
  elf.entry = PhysicalEntry(elf, header->e_entry);
  return elf;
}

}  // namespace

bool LooksLikeElf(Bytes bytes) {
  return bytes.size() >= SELFMAG && std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0;
}

absl::StatusOr<ElfImage> ParseElf(const BootInputs& inputs) {
  const auto elf_class = ReadAt<uint8_t>(inputs.kernel.bytes, EI_CLASS);
  if (!elf_class.has_value()) return Truncated(inputs, "header");
  if (*elf_class == ELFCLASS64) return Parse<Elf64>(inputs);
  if (*elf_class == ELFCLASS32) return Parse<Elf32>(inputs);
  return KernelError(inputs, absl::StrFormat("an ELF file of class %d, neither 32-bit nor 64-bit; "
                                             "use a correctly linked kernel",
                                             *elf_class));
}

absl::Status AddSegments(const BootInputs& inputs, const ElfImage& elf, uint64_t entry,
                         PlanBuilder& builder) {
  bool entry_loaded = false;
  for (const ElfSegment& segment : elf.segments) {
    HVKIT_RETURN_IF_ERROR(builder.AddImage("the ELF segment", segment.physical, segment.bytes,
                                           segment.memory_size, PlanBuilder::Rest::kZero));
    entry_loaded |= entry >= segment.physical && entry - segment.physical < segment.memory_size;
  }
  if (entry_loaded) return absl::OkStatus();
  return KernelError(inputs, absl::StrFormat("its entry point %#x is in no loaded segment; use a "
                                             "correctly linked kernel",
                                             entry));
}

}  // namespace hvkit::vmm
