namespace Sleb.Core.Search;

/// <summary>Remembers every loss a search measured.</summary>
public interface ISearchTrace
{
    /// <summary>Stands for "no block" in round 0: the dense model.</summary>
    const int Dense = -1;

    /// <summary>What was measured for a block in a round, or null.</summary>
    CandidateLosses? Find(int round, int block);

    /// <summary>Records a measurement for good before the next one starts.</summary>
    void Append(int round, CandidateLosses losses);
}
