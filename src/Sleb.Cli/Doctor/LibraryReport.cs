using Sleb.Core.Search;
namespace Sleb.Cli.Doctor;

/// <summary>What a probe has found so far; a probe that crashes leaves the rest open.</summary>
internal sealed record LibraryReport
{
    public string? Version { get; init; }

    /// <summary>The native library in this process.</summary>
    public string? Path { get; init; }

    /// <summary>What the library itself lists: devices, or execution providers.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>What a search screens candidates in on this processor; null where the library cannot tell.</summary>
    public Arithmetic? Arithmetic { get; init; }

    public Answer? Cpu { get; init; }

    public Answer? Cuda { get; init; }

    /// <param name="Device">What the check ran on, and what a model would; null where it did not run.</param>
    /// <param name="Reason">Why not, in a sentence; null where it ran.</param>
    public sealed record Answer(string? Device, string? Reason);
}
