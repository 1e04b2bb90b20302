using System.Security.Cryptography;
using System.Text;
using Sleb.Core.Calibration;
using Sleb.Core.Search;

namespace Sleb.MLNet.Experiments;

/// <summary>What an experiment's results belong to: trials of one identity may be compared, whatever the space and the budget.</summary>
/// <param name="Model">Fingerprint of the dense checkpoint.</param>
/// <param name="Calibrations">Name and hash of each text.</param>
/// <param name="Evaluation">Fingerprint of the evaluation windows.</param>
/// <param name="Latency">The protocol in words.</param>
internal sealed record ExperimentIdentity(string Model, string Calibrations, string Evaluation, string Latency, SearchEffort Effort)
{
    public string Format { get; init; } = "sleb-trials/1";

    public static string Name(IEnumerable<CalibrationText> texts) => string.Join(", ", texts.Select(text => $"{text.Name} {Hash(text.Source)[..16]}"));

    private static string Hash(TextSource source) => source.Windows is { } windows
        ? TokenWindows.Fingerprint([.. windows.Select(window => window.Ids)])
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(source.Text!)));
}
