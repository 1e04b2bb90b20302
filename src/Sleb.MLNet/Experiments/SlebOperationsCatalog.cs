using Microsoft.ML;
using Sleb.MLNet.Internals;

namespace Sleb.MLNet;

/// <summary>What SLEB does beside transforms; see <see cref="SlebCatalog.Sleb"/>.</summary>
public sealed class SlebOperationsCatalog
{
    private readonly Surroundings _surroundings;

    internal SlebOperationsCatalog(MLContext context) => _surroundings = new Surroundings(context);

    /// <summary>Starts the description of an experiment: many prunings of one model, and the choice among them.</summary>
    public SlebExperiment CreateExperiment() => new(_surroundings);
}
