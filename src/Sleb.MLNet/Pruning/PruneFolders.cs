using System.Security.Cryptography;
using System.Text.Json;
using Sleb.Core.Hub;
using Sleb.Core.Plan;

namespace Sleb.MLNet.Pruning;

/// <summary>Where a run keeps its trace and plan, and where the model goes.</summary>
internal sealed record PruneFolders(string Run, string Out)
{
    public string Plan => Path.Combine(Run, BlockPlan.FileName);

    /// <summary>As asked for, else runs/NAME-HASH8 (of model, text and settings) and out/NAME-minus-N under the current directory.</summary>
    public static PruneFolders Choose(PruneRequest request, SearchIdentity identity)
    {
        string name = request.ModelName ?? ModelSource.NameOf(request.ModelFolder);
        // By what was asked for: which arithmetic a machine is faster in may change from one day to the next.
        var asked = (identity with { Arithmetic = default }, request.Arithmetic?.ToString() ?? "auto");
        string hash = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { Search = asked.Item1, Arithmetic = asked.Item2 })))[..8];
        return new(
            request.RunFolder ?? Path.Combine("runs", $"{name}-{hash}"),
            request.OutFolder ?? Path.Combine("out", FormattableString.Invariant($"{name}-minus-{request.RemoveBlocks}")));
    }
}
