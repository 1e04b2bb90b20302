using Sleb.Cli.Doctor;
using Sleb.Core.Search;

namespace Sleb.Cli.Json;

/// <summary>What <c>sleb doctor</c> found.</summary>
internal sealed record DoctorDocument(DoctorDocument.MachineFacts Machine, IReadOnlyList<DoctorDocument.Library> Libraries)
{
    /// <param name="MemoryBytes">What a process may use.</param>
    /// <param name="Arithmetic">What a search screens candidates in here, by the measurement it starts with; null where nothing could be measured.</param>
    public sealed record MachineFacts(string Description, int Cores, long MemoryBytes, Arithmetic? Arithmetic);

    /// <param name="Version">Null where it could not be loaded, and so is the path.</param>
    /// <param name="Devices">What the library itself lists: devices, or execution providers.</param>
    /// <param name="Check">What was run on each device.</param>
    public sealed record Library(string Name, string? Version, string? Path, IReadOnlyList<string> Devices, string Check, LibraryReport.Answer Cpu, LibraryReport.Answer Cuda);
}
