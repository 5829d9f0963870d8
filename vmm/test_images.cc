#include "vmm/test_images.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "vmm/multiboot_loader.h"
#include "vmm/placement.h"

namespace hvkit::vmm {
namespace {

constexpr uint64_t kSetupHeaderOffset = 0x1f1;
constexpr uint64_t kSectorSize = 512;

struct Elf32 {
  using Header = Elf32_Ehdr;
  using ProgramHeader = Elf32_Phdr;
  static constexpr uint8_t kClass = ELFCLASS32;
  static constexpr uint16_t kMachine = EM_386;
};

struct Elf64 {
  using Header = Elf64_Ehdr;
  using ProgramHeader = Elf64_Phdr;
  static constexpr uint8_t kClass = ELFCLASS64;
  static constexpr uint16_t kMachine = EM_X86_64;
};

void AppendAll(File& file, Bytes bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); }

File PvhNote(uint64_t entry) {
  File note;
  Append(note, Elf64_Nhdr{.n_namesz = 4, .n_descsz = 8, .n_type = 18});
  AppendAll(note, std::as_bytes(std::span("Xen", 4)));
  Append(note, entry);
  return note;
}

size_t HeaderCount(const ElfSpec& spec) {
  return spec.loads.size() + (spec.pvh_entry.has_value() ? 1 : 0) + (spec.interpreter ? 1 : 0);
}

template <typename Elf>
uint64_t DataOffset(const ElfSpec& spec) {
  return sizeof(typename Elf::Header) + HeaderCount(spec) * sizeof(typename Elf::ProgramHeader);
}

template <typename Elf>
typename Elf::Header MakeHeader(const ElfSpec& spec) {
  typename Elf::Header header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = Elf::kClass;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = spec.type;
  header.e_machine = spec.machine.value_or(Elf::kMachine);
  header.e_entry = static_cast<decltype(header.e_entry)>(spec.entry);
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(typename Elf::ProgramHeader);
  header.e_phnum = static_cast<uint16_t>(HeaderCount(spec));
  return header;
}

// Appends a program header to `headers` and its content to `data`, which begins at `offset`.
template <typename Elf>
void AddProgramHeader(uint32_t type, const ElfLoadSpec& load, Bytes content, uint64_t offset,
                      File& headers, File& data) {
  typename Elf::ProgramHeader header{};
  using Word = decltype(header.p_paddr);
  header.p_type = type;
  header.p_offset = static_cast<Word>(offset + data.size());
  header.p_paddr = static_cast<Word>(load.address);
  header.p_vaddr = static_cast<Word>(load.virt);
  header.p_filesz = static_cast<Word>(load.file_size);
  header.p_memsz = static_cast<Word>(load.memory_size);
  Append(headers, header);
  AppendAll(data, content);
}

File LoadContent(const ElfSpec& spec, size_t index) {
  File content = Pattern(spec.loads[index].file_size);
  if (index == 0 && spec.multiboot_flags.has_value()) {
    const File header = MakeMultibootHeader(*spec.multiboot_flags, spec.multiboot_addresses);
    std::copy_n(header.begin(), std::min(header.size(), content.size()), content.begin());
  }
  return content;
}

template <typename Elf>
File Make(const ElfSpec& spec) {
  const uint64_t offset = DataOffset<Elf>(spec);
  File headers = ToBytes(MakeHeader<Elf>(spec));
  File data;
  for (size_t i = 0; i < spec.loads.size(); ++i) {
    AddProgramHeader<Elf>(PT_LOAD, spec.loads[i], LoadContent(spec, i), offset, headers, data);
  }
  if (spec.pvh_entry.has_value()) {
    const File note = PvhNote(*spec.pvh_entry);
    AddProgramHeader<Elf>(PT_NOTE, {0, 0, note.size(), 0}, note, offset, headers, data);
  }
  if (spec.interpreter) AddProgramHeader<Elf>(PT_INTERP, {}, {}, offset, headers, data);
  AppendAll(headers, data);
  return headers;
}

}  // namespace

File Pattern(size_t size) {
  File file(size);
  for (size_t i = 0; i < size; ++i) file[i] = static_cast<std::byte>(i % 251 + 1);
  return file;
}

BzImageSpec::BzImageSpec() {
  header.setup_sects = 1;
  header.syssize = static_cast<uint32_t>(kernel_size / 16);
  header.boot_flag = 0xaa55;
  header.jump = 0x6aeb;
  header.header = 0x53726448;
  header.version = 0x020f;
  header.loadflags = LOADED_HIGH;
  header.initrd_addr_max = 0x7fffffff;
  header.kernel_alignment = 0x200000;
  header.relocatable_kernel = 1;
  header.xloadflags = XLF_KERNEL_64;
  header.cmdline_size = 2047;
  header.pref_address = 0x1000000;
  header.init_size = 0x10000;
}

File MakeBzImage(const BzImageSpec& spec) {
  File file((size_t{spec.header.setup_sects} + 1) * kSectorSize);
  std::memcpy(file.data() + kSetupHeaderOffset, &spec.header, sizeof(spec.header));
  AppendAll(file, Pattern(spec.kernel_size));
  return file;
}

File MakeElf(const ElfSpec& spec) {
  return spec.elf_class == ElfClass::k32 ? Make<Elf32>(spec) : Make<Elf64>(spec);
}

uint64_t FirstSegmentOffset(const ElfSpec& spec) {
  return spec.elf_class == ElfClass::k32 ? DataOffset<Elf32>(spec) : DataOffset<Elf64>(spec);
}

File MakeMultibootHeader(uint32_t flags, const std::vector<uint32_t>& addresses) {
  File header;
  Append(header, kMultibootHeaderMagic);
  Append(header, flags);
  Append(header, 0u - kMultibootHeaderMagic - flags);
  for (const uint32_t address : addresses) Append(header, address);
  return header;
}

BootInputs MakeInputs(const File& kernel, uint64_t memory_bytes) {
  return {.kernel = {"kernel.img", kernel},
          .initrd = std::nullopt,
          .cmdline = "",
          .memory = MakeMemoryMap(memory_bytes),
          .acpi_rsdp = 0xe0000};
}

Bytes PlannedBytes(const BootPlan& plan, uint64_t gpa) {
  for (const BootPiece& piece : plan.pieces) {
    if (gpa >= piece.gpa && gpa - piece.gpa < piece.bytes.size()) {
      return piece.bytes.subspan(gpa - piece.gpa);
    }
  }
  return {};
}

std::string PlannedString(const BootPlan& plan, uint64_t gpa) {
  const Bytes bytes = PlannedBytes(plan, gpa);
  const auto end = std::ranges::find(bytes, std::byte{0});
  if (end == bytes.end()) return "(no string)";
  return std::string(reinterpret_cast<const char*>(bytes.data()),
                     static_cast<size_t>(end - bytes.begin()));
}

bool IsSound(const BootPlan& plan, const MemoryMap& map) {
  Placement placement(map);
  const auto take = [&](const BootPiece& piece) {
    return placement.Take(piece.gpa, piece.bytes.size() + piece.zeros) == Placement::Refusal::kNone;
  };
  return std::ranges::all_of(plan.pieces, take) &&
         (plan.entry.mode == EntryMode::kReal16 ||
          placement.Take(plan.entry.cpu_tables, kCpuTablesSize) == Placement::Refusal::kNone);
}

}  // namespace hvkit::vmm
